"""Le produit, servi d'un profil de mesure et d'un cache dont les poids sont déjà là."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.control.weights.cache import write_manifest
from tests.support.product import Product, running_product

_REVISION = "mesure"


@dataclass(frozen=True)
class Weights:
    """Modèle à servir, dont les fichiers sont sur le disque."""

    key: str
    capability: str
    engine: str
    folder: Path
    """Dossier des poids, tel que le dépôt les donnerait."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Options du moteur."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Autres champs du modèle dans le profil."""


@contextmanager
def serving(models: Sequence[Weights], folder: Path, **settings: str) -> Iterator[Product]:
    """Le produit entier, aucun modèle chargé ; `settings` : ses réglages."""
    profile, cache = install(models, folder)
    env = {"PASSERELLE_PROFILE": str(profile), "PASSERELLE_BIND": "127.0.0.1", **settings}
    if "PASSERELLE_ENVS_DIR" in os.environ:
        env["PASSERELLE_ENVS_DIR"] = os.environ["PASSERELLE_ENVS_DIR"]
    with running_product(folder, cache_dir=cache, env=env) as product:
        yield product


def install(models: Sequence[Weights], folder: Path) -> tuple[Path, Path]:
    """Écrit le profil et un cache qui désigne les poids sans les copier ; rend leurs chemins."""
    cache = folder / "cache"
    for model in models:
        target = cache / model.key / _REVISION
        target.mkdir(parents=True, exist_ok=True)
        digests = {}
        for path in sorted(p for p in model.folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(model.folder))
            link = target / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
            digests[name] = _sha256(path)
        write_manifest(target, _REVISION, digests)
    profile = folder / "mesure.toml"
    profile.write_text("\n".join(["notice = 'Mesure.'", *(_model(model) for model in models)]), encoding="utf-8")
    return profile, cache


def _model(model: Weights) -> str:
    fields = {
        "key": model.key,
        "display_name": model.key,
        "capability": model.capability,
        "engine": model.engine,
        "gpus": [0],
        **model.extra,
    }
    source = {"kind": "hub", "repository": f"mesure/{model.key}", "revision": _REVISION}
    return "\n".join(
        [
            "[[models]]",
            *(f"{name} = {_toml(value)}" for name, value in fields.items()),
            "[models.source]",
            *(f"{name} = {_toml(value)}" for name, value in source.items()),
            "[models.options]",
            *(f"{name} = {_toml(value)}" for name, value in model.options.items()),
        ]
    )


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
