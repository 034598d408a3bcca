"""Un dépôt d'essai, et de quoi le télécharger dans ce processus."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import constants, snapshot_download

from server.control.weights.cache import model_dir
from server.control.weights.fetching import DownloadSettings
from server.control.weights.hub_source import fetch
from server.domain import Capability, ModelSource, ModelSpec
from tests.fakes.hub import Hub

# Un autre essai a pu importer huggingface_hub sans ce réglage, qui n'est lu qu'alors.
constants.HF_HUB_DISABLE_TELEMETRY = True

BIG = random.Random(1).randbytes(3_000_000)
FILES = {"config.json": b"{}", "vide.txt": b"", "poids/a.bin": BIG, "poids/b.bin": BIG[::-1]}
TOTAL = sum(len(data) for data in FILES.values())
REPOSITORY = "org/modele"


def settings(hub: Hub, folder: Path, *, token: str = "", **source: Any) -> DownloadSettings:
    chosen = ModelSource(**{"kind": "hub", "repository": REPOSITORY, "revision": "main"} | source)
    spec = ModelSpec(key="m", capability=Capability.CHAT, engine="x", source=chosen, display_name="M")
    cache = folder / "cache"
    return DownloadSettings(
        spec, cache, folder, hub.url, token, (cache, folder / "hub"), attempts=3, retry_seconds=0.01
    )


def settings_at(chosen: DownloadSettings, revision: str) -> DownloadSettings:
    return replace(chosen, spec=replace(chosen.spec, source=replace(chosen.spec.source, revision=revision)))


def download(chosen: DownloadSettings) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    fetch(chosen, events.append)
    return events


def folder_of(chosen: DownloadSettings) -> Path:
    return model_dir(chosen.cache_dir, chosen.spec)


def content(chosen: DownloadSettings) -> dict[str, bytes]:
    folder = folder_of(chosen)
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".passerelle"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fill_standard_cache(hub: Hub, root: Path, *, repository: str = REPOSITORY, only: str = "*") -> None:
    """Le cache d'un autre outil, rempli par le vrai `snapshot_download`."""
    snapshot_download(repository, cache_dir=root, endpoint=hub.url, token=False, allow_patterns=[only])
    hub.transfers.clear()
