"""Le téléchargement depuis un hub : le vrai client contre un hub local."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.control.weights.cache import MANIFEST, PLAN, inspect
from server.domain import HubRepository
from server.errors import (
    HubNotFound,
)
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import BIG, FILES, REPOSITORY, TOTAL, content, download, folder_of, settings


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.add(REPOSITORY, FILES)
    with serving_hub(found):
        yield found


def test_a_whole_repository_is_fetched_verified_and_declared(hub: Hub, tmp_path: Path) -> None:
    chosen = settings(hub, tmp_path)
    events = download(chosen)
    assert content(chosen) == FILES and hub.sent == TOTAL
    commit = hub.repositories[REPOSITORY].refs["main"]
    found = inspect(chosen.cache_dir, chosen.spec)
    assert found.complete and found.cached_bytes == found.total_bytes == TOTAL and found.commit == commit
    manifest = json.loads((folder_of(chosen) / MANIFEST).read_text())
    assert manifest["commits"] == {REPOSITORY: commit}
    assert {n: e["sha256"] for n, e in manifest["files"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    assert not (folder_of(chosen) / PLAN).exists()
    counts = [event["completed"] for event in events]
    assert counts == sorted(counts) and counts[-1] == TOTAL == events[-1]["total"]
    assert events[-1]["phase"] == "verifying" and events[-1]["commit"] == commit
    assert {f["name"]: f["completed"] for f in events[-1]["files"]} == {n: len(d) for n, d in FILES.items()}


def test_a_pinned_commit_is_taken_as_is(hub: Hub, tmp_path: Path) -> None:
    commit = hub.repositories[REPOSITORY].refs["main"]
    hub.add(REPOSITORY, {"autre": b"nouveau"})
    chosen = settings(hub, tmp_path, revision=commit)
    download(chosen)
    assert content(chosen) == FILES and hub.requests[0] == f"/api/models/{REPOSITORY}/revision/{commit}"


def test_patterns_and_extra_repositories(hub: Hub, tmp_path: Path) -> None:
    hub.add("pyannote/segmentation", {"pytorch_model.bin": BIG[:5000], "README.md": b"lisez-moi"})
    extra = (HubRepository("pyannote/segmentation", "main", include=("*.bin",)),)
    chosen = settings(hub, tmp_path, include=("*.bin", "*.json"), exclude=("*b.bin",), extra=extra)
    download(chosen)
    expected = {name: FILES[name] for name in ("config.json", "poids/a.bin")}
    assert content(chosen) == expected | {"pyannote/segmentation/pytorch_model.bin": BIG[:5000]}
    assert inspect(chosen.cache_dir, chosen.spec).complete
    other = replace(chosen.spec, source=replace(chosen.spec.source, include=()))
    assert not inspect(chosen.cache_dir, other).complete
    with pytest.raises(HubNotFound, match=r"\*\.nemo"):
        download(settings(hub, tmp_path / "2", include=("*.nemo",)))


def test_cuts_and_failures_are_retried_without_fetching_twice(hub: Hub, tmp_path: Path) -> None:
    hub.api_statuses = [503, 429]
    hub.upset("poids/a.bin").cut_after = [1_000_000, 500_000, 100_000, 50_000]
    hub.upset("poids/b.bin").statuses = [502, 500]
    chosen = settings(hub, tmp_path)
    events = download(chosen)
    assert content(chosen) == FILES and hub.sent == TOTAL
    assert [one.start for one in hub.transfers["poids/a.bin"]] == [0, 1_000_000, 1_500_000, 1_600_000, 1_650_000]
    counts = [event["completed"] for event in events if event["event"] == "progress"]
    assert counts == sorted(counts)
    waits = [event["phase"] for event in events if event["event"] == "phase"]
    assert len(waits) == 8 and set(waits) == {"retrying"}, "chaque attente se dit"


def test_a_server_without_ranges_starts_over(hub: Hub, tmp_path: Path) -> None:
    trouble = hub.upset("poids/a.bin")
    trouble.cut_after, trouble.ignore_range = [1_000_000], True
    chosen = settings(hub, tmp_path)
    download(chosen)
    assert content(chosen) == FILES


def test_a_killed_process_goes_on_from_the_bytes_on_disk(hub: Hub, tmp_path: Path) -> None:
    """Le vrai processus, tué en route ; la branche bouge entre-temps, la reprise garde le commit choisi."""
    hub.upset("poids/a.bin").bytes_per_second = hub.upset("poids/b.bin").bytes_per_second = 1_000_000
    profile = tmp_path / "essai.toml"
    profile.write_text(
        "[[models]]\nkey='m'\ncapability='chat'\nengine='vllm'\ndisplay_name='M'\n"
        f"source={{kind='hub',repository='{REPOSITORY}',revision='main'}}\n"
    )
    environ = os.environ | {
        "PASSERELLE_PROFILE": str(profile),
        "MODEL_CACHE_DIR": str(tmp_path / "cache"),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HUGGINGFACE_TOKEN": "hf_SECRET",
    }
    hub.tokens = {"hf_SECRET"}
    command = [sys.executable, "-m", "server", "download", "--key", "m"]
    chosen = settings(hub, tmp_path)
    deadline = time.monotonic() + 60
    with (tmp_path / "log").open("wb") as log:
        with subprocess.Popen(command, env=environ, stdout=log, stderr=log) as process:
            while inspect(chosen.cache_dir, chosen.spec).cached_bytes < 500_000:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
        kept = {p.name.rsplit(".", 2)[0]: p.stat().st_size for p in folder_of(chosen).rglob("*.partial")}
        total = inspect(chosen.cache_dir, chosen.spec).total_bytes
        assert total == TOTAL and set(kept) == {"a.bin", "b.bin"}
        hub.trouble.clear()
        hub.add(REPOSITORY, {"autre": b"plus tard"})
        assert subprocess.run(command, env=environ, stdout=log, stderr=log, timeout=60, check=False).returncode == 0
    assert content(chosen) == FILES
    for name, size in kept.items():
        _, second = hub.transfers[f"poids/{name}"]
        assert (second.start, second.sent) == (size, len(BIG) - size)
    text = (tmp_path / "log").read_text()
    events = [json.loads(line) for line in text.splitlines() if '"event": "' in line]
    assert (events[-1]["event"], events[-1]["bytes"]) == ("done", TOTAL) and "hf_SECRET" not in text
    # Ni télémétrie, ni route qu'un téléchargement n'appelle pas.
    assert all(path.startswith(("/api/models/org/", "/org/modele/resolve/")) for path in hub.requests)
    assert all("torch" not in agent and "passerelle/" in agent for agent in hub.agents)
    # Le CDN est d'une autre origine : le jeton n'y va pas.
    assert hub.cdn_tokens and not any(hub.cdn_tokens)


def test_an_authorised_token_opens_a_gated_repository(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/ferme", FILES, gated=True)
    hub.tokens = hub.members = {"hf_membre"}
    chosen = settings(hub, tmp_path, token="hf_membre", repository="org/ferme")
    download(chosen)
    assert content(chosen) == FILES
