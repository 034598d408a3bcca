"""Un profil : les modèles servis ensemble, lus d'un fichier TOML, vérifiés, gelés.

Une valeur refusée nomme son champ, la limite et la valeur.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from server.domain import HubRepository, ModelSource, ModelSpec, PlacementOptions, Profile
from server.engines.registry import check_engine, check_option_names, check_options, switches
from server.tables import ConfigError, FieldRefused, choice, read_table, refusal

PROFILES_DIR = Path(__file__).resolve().parents[1] / "profiles"

__all__ = ["PROFILES_DIR", "ConfigError", "load_profile"]

_PATH_PART = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Clé d'un modèle, partie du nom d'un dépôt ou d'une révision : ce qui devient un nom de fichier ou de dossier."""


def profile_path(name: str) -> Path:
    """Fichier d'un profil livré, ou celui que `name` désigne."""
    return Path(name) if name.endswith(".toml") else PROFILES_DIR / f"{name}.toml"


def load_profile(name: str) -> Profile:
    """Lit un profil livré (`embarque`, `dgx`) ou un fichier `.toml`.

    Raises:
        ConfigError: profil inconnu ou champ refusé.
    """
    path = profile_path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES_DIR.glob("*.toml")))
        raise ConfigError(
            f"PASSERELLE_PROFILE : le profil « {name} » n'existe pas (profils livrés : {known} ; ou un fichier .toml)."
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.name} : TOML illisible ({error}).") from error
    read = read_table(path.name, data, _File)
    models = read.models
    if not models:
        raise ConfigError(f"{path.name} : aucun modèle ([[models]] attendu).")
    for index, model in enumerate(models):
        where = f"{path.name}.models[{index}]"
        _check_names(where, model)
        _check_source(f"{where}.source", model.source)
        check_engine(f"{where}.engine", model.engine)
        read_table(f"{where}.options", PlacementOptions.among(model.options), PlacementOptions)
        check_options(f"{where}.options", model.engine, model.options)
        check_option_names(f"{where}.load_options", model.engine, model.load_options)
        for switch in model.load_switches:
            choice(f"{where}.load_switches", switch, model.load_options)
    names = [n for m in models for n in (m.key, *m.aliases)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"{path.name} : clé ou alias employé deux fois : {', '.join(twice)}.")
    return Profile(name=path.stem, notice=read.notice, models=tuple(map(_with_switches, models)))


@dataclass(frozen=True)
class _File:
    """Un fichier de profil."""

    models: tuple[ModelSpec, ...] = ()
    notice: str = ""


def _with_switches(model: ModelSpec) -> ModelSpec:
    known = switches(model.engine, model.load_options)
    return replace(model, load_switches=tuple(dict.fromkeys((*model.load_switches, *known))))


def _check_names(where: str, model: ModelSpec) -> None:
    """La clé nomme le dossier des poids, les prises et les journaux ; un nom vide ne désigne rien."""
    if not _PATH_PART.fullmatch(model.key):
        raise refusal(f"{where}.key", "un nom fait de lettres sans accent, de chiffres, de _ . et -", model.key)
    if not all(model.aliases):
        raise refusal(f"{where}.aliases", "une liste de textes, aucun vide,", list(model.aliases))


def _check_source(where: str, source: ModelSource) -> None:
    """Ce qu'un type ne dit pas : ce qui va avec chaque sorte de source."""
    if source.kind == "package":
        if not source.files:
            raise refusal(f"{where}.files", "une liste d'au moins un fichier, pour une source « package »,", [])
        for name in ("include", "exclude", "extra"):
            if getattr(source, name):
                raise FieldRefused(f"{where}.{name}", "ce champ ne va qu'avec une source « hub »")
        return
    if source.files:
        raise FieldRefused(f"{where}.files", "ce champ ne va qu'avec une source « package »")
    _check_hub(where, source)
    for index, one in enumerate(source.extra):
        _check_hub(f"{where}.extra[{index}]", one)


def _check_hub(where: str, entry: ModelSource | HubRepository) -> None:
    """Le dépôt et la révision deviennent des chemins : rien n'y sort du cache."""
    for name, value, most in (("repository", entry.repository, 2), ("revision", entry.revision, None)):
        parts = value.split("/")
        if not all(_PATH_PART.fullmatch(part) for part in parts) or (most is not None and len(parts) > most):
            raise refusal(f"{where}.{name}", "un nom du hub", value)
    for name, patterns in (("include", entry.include), ("exclude", entry.exclude)):
        if not all(patterns):
            raise refusal(f"{where}.{name}", "une liste de motifs, aucun vide,", list(patterns))
