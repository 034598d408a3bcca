"""Un profil : les modèles servis ensemble, lus d'un fichier TOML, vérifiés, gelés.

Une valeur refusée nomme son champ, la limite et la valeur.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from server.domain import HubRepository, ModelSource, ModelSpec, PlacementOptions, Profile
from server.engines.registry import check_options
from server.tables import ConfigError, read_table

PROFILES_DIR = Path(__file__).resolve().parents[1] / "profiles"

__all__ = ["PROFILES_DIR", "ConfigError", "load_profile"]

_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Partie du nom d'un dépôt ou d'une révision."""


def load_profile(name: str) -> Profile:
    """Lit un profil livré (`embarque`, `dgx`) ou un fichier `.toml`.

    Raises:
        ConfigError: profil inconnu ou champ refusé.
    """
    path = Path(name) if name.endswith(".toml") else PROFILES_DIR / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES_DIR.glob("*.toml")))
        raise ConfigError(
            f"PASSERELLE_PROFILE : le profil « {name} » n'existe pas (profils livrés : {known} ; ou un fichier .toml)."
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} : TOML illisible ({error}).") from error
    read = read_table(path.name, data, _File)
    models = read.models
    if not models:
        raise ConfigError(f"{path.name} : aucun modèle ([[models]] attendu).")
    for index, model in enumerate(models):
        where = f"{path.name}.models[{index}]"
        _check_source(f"{where}.source", model.source)
        read_table(f"{where}.options", PlacementOptions.among(model.options), PlacementOptions)
        check_options(f"{where}.options", model.engine, model.options)
    names = [n for m in models for n in (m.key, *m.aliases)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"{path.name} : clé ou alias employé deux fois : {', '.join(twice)}.")
    return Profile(name=path.stem, notice=read.notice, models=models)


@dataclass(frozen=True)
class _File:
    """Un fichier de profil."""

    models: tuple[ModelSpec, ...] = ()
    notice: str = ""


def _check_source(where: str, source: ModelSource) -> None:
    """Ce qu'un type ne dit pas : ce qui va avec chaque sorte de source."""
    if source.kind not in ("package", "hub"):
        raise ConfigError(f"{where}.kind : « {source.kind} » inconnu (attendu : package ou hub).")
    if source.kind == "package" and not source.files:
        raise ConfigError(f"{where}.files : au moins un fichier est attendu pour une source « package ».")
    if source.kind == "hub":
        _check_hub(where, source)
        for index, one in enumerate(source.extra):
            _check_hub(f"{where}.extra[{index}]", one)
    elif source.extra or source.include or source.exclude:
        raise ConfigError(f"{where} : include, exclude et extra ne vont qu'avec une source « hub ».")


def _check_hub(where: str, entry: ModelSource | HubRepository) -> None:
    """Le dépôt et la révision deviennent des chemins : rien n'y sort du cache."""
    for name, value, most in (("repository", entry.repository, 2), ("revision", entry.revision, None)):
        parts = value.split("/")
        if not all(_HUB_NAME.fullmatch(part) for part in parts) or (most is not None and len(parts) > most):
            raise ConfigError(f"{where}.{name} : « {value} » n'est pas un nom du hub.")
    for name, patterns in (("include", entry.include), ("exclude", entry.exclude)):
        if not all(patterns):
            raise ConfigError(f"{where}.{name} : une liste de motifs est attendue, sans motif vide.")
