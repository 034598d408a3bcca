"""Un profil : les modèles servis ensemble, lus d'un fichier TOML, vérifiés, gelés ; et ceux qu'un second y ajoute.

Une valeur refusée nomme son fichier, son champ, la limite et la valeur.
"""

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from server.domain import HubRepository, ModelSource, ModelSpec, PlacementOptions, Profile
from server.engines.registry import check_engine, check_option_names, check_options, switches
from server.french import why
from server.tables import ConfigError, FieldRefused, choice, read_table, refusal

PROFILES_DIR = Path(__file__).resolve().parents[1] / "profiles"

__all__ = ["PROFILES_DIR", "ConfigError", "load_profile"]

_PATH_PART = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Clé d'un modèle, partie du nom d'un dépôt ou d'une révision : ce qui devient un nom de fichier ou de dossier."""


_PROCESSES = ("front",)
"""Ce qu'une clé ne peut pas être : ses exemplaires, `<clé>-<numéro>`, prendraient le nom d'autres processus."""


def profile_path(name: str) -> Path:
    """Fichier d'un profil livré, ou celui que `name` désigne."""
    return Path(name) if name.endswith(".toml") else PROFILES_DIR / f"{name}.toml"


def load_profile(name: str) -> Profile:
    """Lit un profil livré (`embarque`, `dgx`) ou un fichier `.toml`, sans rien y ajouter.

    Raises:
        ConfigError: profil inconnu ou champ refusé.
    """
    return read_layers(name, None).profile


@dataclass(frozen=True, slots=True)
class Overlay:
    """Ce que l'exploitant ajoute au profil, et ce qu'il en retire."""

    models: tuple[ModelSpec, ...] = ()
    """Modèles de plus ; celui qui porte la clé d'un modèle du profil le remplace."""
    removed: tuple[str, ...] = ()
    """Clés du profil qui ne sont pas servies."""


SEEDS = ("qwen", "canary", "pyannote")
"""Clés de départ : les documents, les exemples et des clients les nomment, et elles ne se retirent pas."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Les deux fichiers d'où viennent les modèles servis, tels qu'ils ont été lus."""

    path: Path
    """Fichier du profil."""
    content: bytes
    own: tuple[ModelSpec, ...]
    """Modèles que le profil décrit."""
    notice: str = ""
    overlay: Overlay = field(default_factory=Overlay)
    overlay_path: Path = field(default=Path())
    """Fichier des modèles ajoutés, qu'il existe ou non."""
    overlay_content: bytes = b""

    @property
    def profile(self) -> Profile:
        """Modèles servis : ceux du profil dans son ordre, puis les ajoutés."""
        added = {model.key: model for model in self.overlay.models}
        kept = [added.pop(model.key, model) for model in self.own if model.key not in self.overlay.removed]
        return Profile(name=self.path.stem, notice=self.notice, models=(*kept, *added.values()))

    def with_overlay(self, path: Path, content: bytes) -> "Layers":
        """Les mêmes, ces modèles ajoutés.

        Raises:
            ConfigError: champ refusé, ou clés et alias qui ne vont pas ensemble.
        """
        read = _read(str(path), content, Overlay)
        if kept := [key for key in read.removed if key in SEEDS]:
            raise FieldRefused(
                f"{path}.removed",
                f"« {kept[0]} » est une clé de départ ({', '.join(SEEDS)}), et reste ; un [[models]] de cette clé en "
                "change le modèle",
                value=kept[0],
            )
        overlay = replace(read, models=_checked(str(path), read.models))
        found = replace(self, overlay=overlay, overlay_path=path, overlay_content=content)
        models = found.profile.models
        if not models:
            raise ConfigError(f"{path} : removed ne laisse aucun modèle à {self.path.name}.")
        check_twice(f"{path}, avec {self.path.name}", models)
        return found


def read_layers(name: str, overlay: Path | None) -> Layers:
    """Lit un profil et, s'il existe, le fichier des modèles ajoutés.

    Raises:
        ConfigError: profil inconnu, fichier illisible ou champ refusé.
    """
    path = profile_path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES_DIR.glob("*.toml")))
        raise ConfigError(
            f"PASSERELLE_PROFILE : le profil « {name} » n'existe pas (profils livrés : {known} ; ou un fichier .toml)."
        )
    content = _bytes(path.name, path)
    read = _read(path.name, content, _File)
    if not read.models:
        raise ConfigError(f"{path.name} : aucun modèle ([[models]] attendu).")
    layers = Layers(path, content, _checked(path.name, read.models), read.notice)
    return layers if overlay is None else layers.with_overlay(overlay, overlay_bytes(overlay))


def overlay_bytes(path: Path) -> bytes:
    """Contenu du fichier des modèles ajoutés ; vide s'il n'y en a pas.

    Raises:
        ConfigError: il ne se lit pas.
    """
    try:
        path.lstat()
    except OSError:
        return b""  # un dossier d'état fermé à ce compte se dit là où il en faut un
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} ne se lit pas ({why(error)}).") from error


def _bytes(where: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where} : TOML illisible ({error}).") from error


_T = TypeVar("_T")


def _read(where: str, content: bytes, kind: type[_T]) -> _T:
    return read_table(where, read_toml(where, content), kind)


def read_toml(where: str, content: bytes) -> dict[str, Any]:
    """Table qu'un fichier TOML décrit.

    Raises:
        ConfigError: ce n'en est pas un ; le message dit la ligne.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{where} : TOML illisible ({error}).") from error


def _checked(file: str, models: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Ces modèles, leurs champs jugés.

    Raises:
        ConfigError: champ refusé, clé ou alias employé deux fois.
    """
    for index, model in enumerate(models):
        check_model(f"{file}.models[{index}]", model)
    check_twice(file, models)
    return tuple(map(_with_switches, models))


def check_model(where: str, model: ModelSpec) -> None:
    """Juge d'un modèle ce que les types ne disent pas.

    Raises:
        ConfigError: champ refusé.
    """
    _check_names(where, model)
    _check_source(f"{where}.source", model.source)
    check_engine(f"{where}.engine", model.engine)
    read_table(f"{where}.options", PlacementOptions.among(model.options), PlacementOptions)
    check_options(f"{where}.options", model.engine, model.options)
    check_option_names(f"{where}.load_options", model.engine, model.load_options)
    for switch in model.load_switches:
        choice(f"{where}.load_switches", switch, model.load_options)


def check_twice(where: str, models: tuple[ModelSpec, ...]) -> None:
    """Juge que chaque clé ou alias n'y sert qu'une fois.

    Raises:
        ConfigError: l'un sert deux fois.
    """
    names = [n for m in models for n in (m.key, *m.aliases)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"{where} : clé ou alias employé deux fois : {', '.join(twice)}.")


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
    if model.key in _PROCESSES:
        raise FieldRefused(f"{where}.key", f"« {model.key} » nomme déjà un processus du serveur", value=model.key)
    if not all(model.aliases):
        raise refusal(f"{where}.aliases", "une liste de textes, aucun vide,", list(model.aliases))


def _check_source(where: str, source: ModelSource) -> None:
    """Ce qu'un type ne dit pas : ce qui va avec chaque sorte de source."""
    if source.kind == "package":
        if not _inside(source.revision):
            raise refusal(f"{where}.revision", "un nom de dossier", source.revision)
        for index, file in enumerate(source.files):
            if not file.name or Path(file.name).is_absolute() or ".." in Path(file.name).parts:
                raise refusal(f"{where}.files[{index}].name", "un chemin dans le dossier du modèle", file.name)
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


def _inside(path: str) -> bool:
    return all(_PATH_PART.fullmatch(part) for part in path.split("/"))


def _check_hub(where: str, entry: ModelSource | HubRepository) -> None:
    """Le dépôt et la révision deviennent des chemins : rien n'y sort du cache."""
    for name, value, most in (("repository", entry.repository, 2), ("revision", entry.revision, None)):
        if not _inside(value) or (most is not None and value.count("/") >= most):
            raise refusal(f"{where}.{name}", "un nom du hub", value)
    for name, patterns in (("include", entry.include), ("exclude", entry.exclude)):
        if not all(patterns):
            raise refusal(f"{where}.{name}", "une liste de motifs, aucun vide,", list(patterns))
