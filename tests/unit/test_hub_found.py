"""Les poids déjà sur le disque : copiés à la main, ou dans le cache d'un autre outil."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from server.control.weights.cache import MANIFEST, PLAN, Artifacts, inspect
from server.control.weights.discovery import STABLE_TICKS, Adoption
from server.control.weights.fetching import DownloadSettings
from server.errors import DownloadFailed, HubUnreachable, IntegrityMismatch
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import (
    BIG,
    FILES,
    REPOSITORY,
    TOTAL,
    content,
    download,
    fill_standard_cache,
    folder_of,
    settings,
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.add(REPOSITORY, FILES)
    with serving_hub(found):
        yield found


def copy_by_hand(chosen: DownloadSettings) -> Path:
    folder = folder_of(chosen)
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_folder_copied_by_hand_is_verified_not_fetched(hub: Hub, tmp_path: Path) -> None:
    chosen = replace(settings(hub, tmp_path), found_only=True)
    spoiled = copy_by_hand(chosen) / "poids" / "a.bin"
    spoiled.write_bytes(b"z" * len(BIG))
    with pytest.raises(IntegrityMismatch):
        download(chosen)
    assert spoiled.exists(), "rien n'est effacé sans qu'on l'ait demandé"
    spoiled.unlink()
    with pytest.raises(DownloadFailed, match=f"{len(BIG)} octets"):
        download(chosen)
    spoiled.write_bytes(BIG)
    download(chosen)
    assert inspect(chosen.cache_dir, chosen.spec).complete and hub.sent == 0


def test_a_local_folder_filled_by_another_tool_needs_no_hub(hub: Hub, tmp_path: Path) -> None:
    chosen = settings(hub, tmp_path)
    snapshot_download(REPOSITORY, local_dir=folder_of(chosen), endpoint=hub.url, token=False)
    hub.transfers.clear()
    hub.down = True
    download(replace(chosen, found_only=True))
    assert inspect(chosen.cache_dir, chosen.spec).complete and hub.sent == 0


def test_a_spoiled_copy_is_fetched_again_when_asked(hub: Hub, tmp_path: Path) -> None:
    chosen = settings(hub, tmp_path)
    (copy_by_hand(chosen) / "poids" / "a.bin").write_bytes(b"z" * len(BIG))
    events = download(chosen)
    assert content(chosen) == FILES and hub.sent == len(BIG)
    assert events[0]["completed"] == TOTAL  # ne recule jamais, même quand un fichier est refait


@pytest.mark.parametrize("place", ["cache", "cache/hub", "hub"])
def test_the_standard_cache_is_used_without_a_copy(hub: Hub, tmp_path: Path, place: str) -> None:
    chosen = settings(hub, tmp_path)
    chosen = replace(chosen, hub_caches=(chosen.cache_dir, chosen.cache_dir / "hub", tmp_path / "hub"))
    fill_standard_cache(hub, tmp_path / place)
    hub.down = True
    download(replace(chosen, found_only=True))
    assert content(chosen) == FILES and hub.sent == 0
    found = inspect(chosen.cache_dir, chosen.spec)
    assert found.complete and found.commit == hub.repositories[REPOSITORY].refs["main"]
    assert (folder_of(chosen) / "poids" / "a.bin").stat().st_nlink > 1


def test_another_disk_is_referenced(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    fill_standard_cache(hub, tmp_path / "hub")
    monkeypatch.setattr(os, "link", other_disk)
    chosen = settings(hub, tmp_path)
    download(chosen)
    assert (folder_of(chosen) / "poids" / "a.bin").is_symlink()
    assert content(chosen) == FILES and inspect(chosen.cache_dir, chosen.spec).complete and hub.sent == 0


def test_a_spoiled_blob_is_fetched_and_left_alone(hub: Hub, tmp_path: Path) -> None:
    fill_standard_cache(hub, tmp_path / "hub")
    blob = next((tmp_path / "hub").rglob("snapshots/*/poids/a.bin")).resolve()
    blob.write_bytes(b"z" * len(BIG))
    chosen = settings(hub, tmp_path)
    download(chosen)
    assert content(chosen) == FILES and hub.sent == len(BIG) and blob.read_bytes() == b"z" * len(BIG)


def test_a_cache_without_a_tree_is_used_only_when_nothing_seems_missing(hub: Hub, tmp_path: Path) -> None:
    fill_standard_cache(hub, tmp_path / "hub")
    for tree in (tmp_path / "hub").rglob("trees"):
        for listing in tree.iterdir():
            listing.unlink()
    chosen = settings(hub, tmp_path)
    unreachable = replace(chosen, endpoint="http://127.0.0.1:9")
    unfinished = next((tmp_path / "hub").rglob("blobs")) / "x.incomplete"
    unfinished.touch()
    with pytest.raises(HubUnreachable):
        download(unreachable)
    unfinished.unlink()
    download(unreachable)
    assert content(chosen) == FILES


def test_a_partial_cache_is_not_mistaken_for_the_whole(hub: Hub, tmp_path: Path) -> None:
    """Un outil qui n'a pris que la configuration ne fait pas un modèle en cache."""
    fill_standard_cache(hub, tmp_path / "hub", only="*.json")
    chosen = settings(hub, tmp_path)
    with pytest.raises(DownloadFailed, match="incomplets"):
        download(replace(chosen, found_only=True))
    assert content(chosen) == {}
    download(chosen)
    assert content(chosen) == FILES and hub.sent == TOTAL - len(FILES["config.json"])


@pytest.mark.parametrize(
    "text", ['{"total": null}', '{"total": Infinity, "commit": ""}', "[" * 99_999, "[]", "{", '"\\ud800']
)
def test_a_spoiled_manifest_or_plan_is_worth_none(hub: Hub, tmp_path: Path, text: str) -> None:
    chosen = settings(hub, tmp_path)
    folder = folder_of(chosen)
    folder.mkdir(parents=True)
    for name in (MANIFEST, PLAN):
        (folder / name).write_text(text, encoding="utf-8")
    assert inspect(chosen.cache_dir, chosen.spec) == Artifacts()
    download(chosen)
    assert content(chosen) == FILES and inspect(chosen.cache_dir, chosen.spec).complete


def test_pinning_a_commit_keeps_what_main_brought(hub: Hub, tmp_path: Path) -> None:
    download(settings(hub, tmp_path))
    hub.transfers.clear()
    commit = hub.repositories[REPOSITORY].refs["main"]
    pinned = settings(hub, tmp_path, revision=commit)
    download(pinned)
    assert content(pinned) == FILES and not any(path.startswith("poids/") for path in hub.transfers)
    assert json.loads((folder_of(pinned) / MANIFEST).read_text())["revision"] == commit


async def test_what_appears_is_adopted_once_it_stops_changing(hub: Hub, tmp_path: Path) -> None:
    chosen = settings(hub, tmp_path)
    asked: list[str] = []

    async def adopt(key: str) -> None:
        asked.append(key)
        await asyncio.to_thread(download, replace(chosen, found_only=True))

    adoption = Adoption(chosen.cache_dir, (tmp_path / "hub",), adopt)

    def tick() -> None:
        adoption.follow(adoption.traces([] if inspect(chosen.cache_dir, chosen.spec).complete else [chosen.spec]))

    for _ in range(STABLE_TICKS + 2):
        tick()
    assert asked == []
    folder = copy_by_hand(chosen)
    for size in range(STABLE_TICKS + 2):  # la copie avance encore
        (folder / "poids" / "a.bin").write_bytes(BIG[: 1000 + size])
        tick()
    await asyncio.sleep(0)
    assert asked == []
    (folder / "poids" / "a.bin").write_bytes(BIG)
    for _ in range(STABLE_TICKS + 1):
        tick()
    while not inspect(chosen.cache_dir, chosen.spec).complete:
        await asyncio.sleep(0.01)
    await adoption.aclose()
    assert asked == ["m"] and hub.sent == 0
