"""Des poids changés après leur vérification : relus s'ils en ont l'air, refusés, repris au même commit."""

import asyncio
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.control.weights import verify
from server.control.weights.cache import MANIFEST, PLAN, inspect
from server.control.weights.fetching import DownloadSettings
from server.control.weights.verify import Verifier, survey
from server.domain import HubRepository
from server.errors import IntegrityMismatch
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import BIG, FILES, REPOSITORY, content, download, folder_of, settings
from tests.support.rights import open_folder, unprivileged


def weights(chosen: DownloadSettings, name: str = "poids/a.bin") -> Path:
    return folder_of(chosen) / name


def spoil(path: Path, *, at: int = 1_000_000) -> None:
    """Change un octet ; la taille reste, la date change."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


class Load:
    """Le début d'un chargement ; `rereads` compte ceux qui ont relu des fichiers."""

    def __init__(self, chosen: DownloadSettings, state: Path) -> None:
        self.chosen = chosen
        self.rereads = 0
        self._verifier = Verifier(chosen.cache_dir, state / "verified.json")

    async def __call__(self) -> None:
        await self._verifier(self.chosen.spec, self._rereading)

    def _rereading(self) -> None:
        self.rereads += 1


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.add(REPOSITORY, FILES)
    with serving_hub(found):
        yield found


@pytest.fixture
def load(hub: Hub, tmp_path: Path) -> Load:
    chosen = settings(hub, tmp_path)
    download(chosen)
    return Load(chosen, tmp_path)


async def test_fresh_weights_are_not_read_again(load: Load) -> None:
    await load()
    assert load.rereads == 0


@pytest.mark.parametrize("name", ["poids/a.bin", "config.json"])
async def test_a_changed_file_is_refused_then_fetched_alone_at_the_same_commit(hub: Hub, load: Load, name: str) -> None:
    before = inspect(load.chosen.cache_dir, load.chosen.spec).commit
    spoil(weights(load.chosen, name), at=1)
    with pytest.raises(IntegrityMismatch, match=re.escape(name)) as caught:
        await load()
    assert caught.value.metadata == {"model": "m", "file": name}
    found = inspect(load.chosen.cache_dir, load.chosen.spec)
    assert not found.complete and found.commit == before
    # La branche a bougé : ce n'est pas elle qu'on répare.
    hub.add(REPOSITORY, FILES | {"config.json": b"[]"})
    hub.transfers.clear()
    download(load.chosen)
    assert content(load.chosen) == FILES and list(hub.transfers) == [name]
    assert inspect(load.chosen.cache_dir, load.chosen.spec).commit == before
    await load()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(BIG[:-1])])
async def test_a_file_missing_or_cut_is_refused(load: Load, damage: object) -> None:
    assert callable(damage)
    damage(weights(load.chosen))
    with pytest.raises(IntegrityMismatch, match=r"poids/a\.bin"):
        await load()


async def test_a_new_date_is_read_once_and_remembered(load: Load, tmp_path: Path) -> None:
    os.utime(weights(load.chosen))
    await load()
    await load()
    assert load.rereads == 1 and (tmp_path / "verified.json").stat().st_mode & 0o777 == 0o600
    again = Load(load.chosen, tmp_path)
    await again()
    assert again.rereads == 0
    spoil(weights(load.chosen))
    with pytest.raises(IntegrityMismatch):
        await again()


async def test_a_manifest_without_dates_is_read_once(load: Load) -> None:
    path = folder_of(load.chosen) / MANIFEST
    manifest = json.loads(path.read_text())
    for entry in manifest["files"].values():
        del entry["mtime_ns"]
    path.write_text(json.dumps(manifest))
    await load()
    await load()
    assert load.rereads == 1


async def test_read_only_weights_are_remembered_and_refused_all_the_same(hub: Hub, tmp_path: Path) -> None:
    with open_folder() as base:
        chosen = settings(hub, base)
        download(chosen)
        state = base / "etat"
        state.mkdir(mode=0o777)
        state.chmod(0o777)
        os.utime(weights(chosen))
        load = Load(chosen, state)
        with unprivileged():
            await load()
            await load()
        assert load.rereads == 1
        spoil(weights(chosen))
        with unprivileged():
            for _ in range(2):
                with pytest.raises(IntegrityMismatch):
                    await load()
        assert (folder_of(chosen) / MANIFEST).exists()


async def test_a_second_repository_is_repaired_at_its_own_commit(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/autre", {"x.bin": BIG})
    chosen = settings(hub, tmp_path, extra=(HubRepository("org/autre", "main"),))
    download(chosen)
    spoil(weights(chosen, "org/autre/x.bin"))
    with pytest.raises(IntegrityMismatch, match=r"org/autre/x\.bin"):
        await Load(chosen, tmp_path)()
    plan = json.loads((folder_of(chosen) / PLAN).read_text())
    assert [sorted(file["path"] for file in one["files"]) for one in plan["repositories"]] == [sorted(FILES), ["x.bin"]]
    hub.transfers.clear()
    download(chosen)
    assert list(hub.transfers) == ["x.bin"] and content(chosen) == FILES | {"org/autre/x.bin": BIG}


async def test_a_cancelled_reading_stops(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(weights(load.chosen))
    stopped, reading = threading.Event(), threading.Event()

    def endless(_path: Path, _size: int, stop: threading.Event, _read: object) -> str:
        reading.set()
        if stop.wait(30):
            stopped.set()
        return ""

    monkeypatch.setattr(verify, "_digest", endless)
    task = asyncio.create_task(load())
    await asyncio.to_thread(reading.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(stopped.wait, 30)
    assert inspect(load.chosen.cache_dir, load.chosen.spec).complete


def test_a_deep_survey_sees_what_dates_hide(load: Load) -> None:
    path, spec = weights(load.chosen), load.chosen.spec
    stamp = path.stat().st_mtime_ns
    spoil(path)
    os.utime(path, ns=(stamp, stamp))
    seen = survey(load.chosen.cache_dir, spec, deep=False)
    assert (seen["complete"], seen["changed"]) == (True, []) and len(seen["commit"]) == 40
    assert survey(load.chosen.cache_dir, spec, deep=True)["changed"] == ["poids/a.bin"]
    shutil.rmtree(folder_of(load.chosen))
    gone = survey(load.chosen.cache_dir, replace(spec, key="m"), deep=True)
    assert gone == {"key": "m", "complete": False, "bytes": 0, "commit": "", "changed": [], "missing": []}
