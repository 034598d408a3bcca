"""Un profil : les modèles servis ensemble, lus d'un fichier TOML, vérifiés, gelés.

Une valeur refusée nomme son champ, la limite et la valeur.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from server.domain import (
    Capability,
    HubRepository,
    MemorySpec,
    ModelSource,
    ModelSpec,
    Profile,
    SourceFile,
)

PROFILES_DIR = Path(__file__).resolve().parents[1] / "profiles"

_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Partie du nom d'un dépôt ou d'une révision."""


class ConfigError(Exception):
    """Configuration refusée ; le message dit quelle valeur et que faire."""


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
    models = tuple(_model(path.name, i, entry) for i, entry in enumerate(data.get("models", [])))
    if not models:
        raise ConfigError(f"{path.name} : aucun modèle ([[models]] attendu).")
    names = [n for m in models for n in (m.key, *m.aliases)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"{path.name} : clé ou alias employé deux fois : {', '.join(twice)}.")
    return Profile(name=path.stem, notice=str(data.get("notice", "")), models=models)


def _model(file: str, index: int, entry: Mapping[str, Any]) -> ModelSpec:
    where = f"{file} : models[{index}]"
    known = {f.name for f in fields(ModelSpec)}
    _check_names(where, entry, known, required={"key", "capability", "engine", "source", "display_name"})
    try:
        capability = Capability(entry["capability"])
    except ValueError as error:
        allowed = ", ".join(Capability)
        raise ConfigError(f"{where}.capability : « {entry['capability']} » inconnu (attendu : {allowed}).") from error
    values: dict[str, Any] = {k: _frozen(v) for k, v in entry.items()}
    values["capability"] = capability
    values["source"] = _source(f"{where}.source", entry["source"])
    values["memory"] = _memory(f"{where}.memory", entry.get("memory", {}))
    return ModelSpec(**values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _source(where: str, entry: Mapping[str, Any]) -> ModelSource:
    known = {f.name for f in fields(ModelSource)}
    _check_names(where, entry, known, required={"kind", "repository", "revision"})
    if entry["kind"] not in ("package", "hub"):
        raise ConfigError(f"{where}.kind : « {entry['kind']} » inconnu (attendu : package ou hub).")
    files = []
    for i, file in enumerate(entry.get("files", [])):
        _check_names(f"{where}.files[{i}]", file, {"name", "parts", "sha256"}, required={"name", "parts", "sha256"})
        files.append(SourceFile(name=file["name"], parts=tuple(file["parts"]), sha256=file["sha256"]))
    if entry["kind"] == "package" and not files:
        raise ConfigError(f"{where}.files : au moins un fichier est attendu pour une source « package ».")
    rest: dict[str, Any] = {k: _frozen(v) for k, v in entry.items() if k not in ("files", "extra")}
    extra = [_hub_repository(f"{where}.extra[{i}]", one) for i, one in enumerate(entry.get("extra", []))]
    if entry["kind"] == "hub":
        _check_hub(where, entry)
    elif extra or entry.get("include") or entry.get("exclude"):
        raise ConfigError(f"{where} : include, exclude et extra ne vont qu'avec une source « hub ».")
    return ModelSource(**rest, files=tuple(files), extra=tuple(extra))


def _hub_repository(where: str, entry: Mapping[str, Any]) -> HubRepository:
    known = {f.name for f in fields(HubRepository)}
    _check_names(where, entry, known, required={"repository", "revision"})
    _check_hub(where, entry)
    values: dict[str, Any] = {k: _frozen(v) for k, v in entry.items()}
    return HubRepository(**values)


def _check_hub(where: str, entry: Mapping[str, Any]) -> None:
    """Le dépôt et la révision deviennent des chemins : rien n'y sort du cache."""
    for name in ("repository", "revision"):
        parts = str(entry[name]).split("/")
        if not all(_HUB_NAME.fullmatch(part) for part in parts) or (name == "repository" and len(parts) > 2):
            raise ConfigError(f"{where}.{name} : « {entry[name]} » n'est pas un nom du hub.")
    for name in ("include", "exclude"):
        patterns = entry.get(name, [])
        if not isinstance(patterns, list) or not all(isinstance(one, str) and one for one in patterns):
            raise ConfigError(f"{where}.{name} : une liste de motifs est attendue.")


def _memory(where: str, entry: Mapping[str, Any]) -> MemorySpec:
    _check_names(where, entry, {f.name for f in fields(MemorySpec)}, required=set())
    for name, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ConfigError(f"{where}.{name} : « {value} » refusé (un nombre de Gio, 0 ou plus).")
    return MemorySpec(**{name: float(value) for name, value in entry.items()})


def _check_names(where: str, entry: Mapping[str, Any], known: set[str], *, required: set[str]) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ConfigError(f"{where} : champ inconnu {', '.join(unknown)} (connus : {', '.join(sorted(known))}).")
    missing = sorted(required - set(entry))
    if missing:
        raise ConfigError(f"{where} : champ manquant {', '.join(missing)}.")
