"""Le processus d'un téléchargement, vu du plan de contrôle."""

import asyncio
import json
import os
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server.control.life.state import ModelState, deduced
from server.control.record.operations import Operation, OperationKind, Progress
from server.control.weights import downloads
from server.control.weights.downloads import Downloader
from server.errors import DownloadFailed, HubUnreachable
from tests.support.children import NewChildren


def event(completed: int, files: int = 1, **more: Any) -> dict[str, Any]:
    listed = [{"name": f"dossier/fichier-{i:05}.safetensors", "completed": 1, "total": 2} for i in range(files)]
    known = {"event": "progress", "phase": "downloading", "completed": completed, "total": 1000, "commit": "c"}
    return {**known, "files": listed, **more}


def downloader(folder: Path, *events: dict[str, Any], then: str = "") -> Downloader:
    """Un processus qui rend ces événements, puis exécute `then`."""
    script = folder / "essai.py"
    lines = [json.dumps(one) for one in events]
    script.write_text(f"import os, sys, time\nfor line in {lines!r}: print(line, flush=True)\n{then}\n")
    return Downloader((sys.executable, str(script)), os.environ)


async def test_progress_of_a_large_repository_is_read(tmp_path: Path) -> None:
    """Un événement de deux mille fichiers dépasse de loin la ligne par défaut d'asyncio."""
    progress, seen = Progress(), []
    source = downloader(tmp_path, event(10, 2000), {"event": "done"})
    await source.fetch("m", progress, lambda: seen.append(progress.completed))
    assert seen == [10] and len(progress.files) == 2000 and progress.commit == "c"


async def test_the_rate_gives_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, progress = count(), Progress()
    monkeypatch.setattr(downloads, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    await downloader(tmp_path, event(200), event(500), {"event": "done"}).fetch("m", progress, lambda: None)
    assert progress.rate == 300
    assert progress.remaining == pytest.approx(500 / 300)


async def test_a_failure_keeps_its_reason(tmp_path: Path) -> None:
    failed = {"event": "failed", "reason": "HUB_UNREACHABLE", "message": "en panne"}
    with pytest.raises(HubUnreachable, match="en panne"):
        await downloader(tmp_path, failed).fetch("m", Progress(), lambda: None)


async def test_a_lost_process_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="code -9"):
        await downloader(tmp_path, event(1), then="os.kill(os.getpid(), 9)").fetch("m", Progress(), lambda: None)


async def test_cancelling_stops_the_process_at_once(tmp_path: Path) -> None:
    started, progress, born = asyncio.Event(), Progress(), NewChildren()
    source = downloader(tmp_path, event(1), then="time.sleep(600)")
    task = asyncio.create_task(source.fetch("m", progress, started.set))
    await started.wait()
    children = born()
    assert len(children) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children[0].is_running()


@pytest.mark.parametrize("phase", ["held", "retrying"])
async def test_a_wait_is_shown_and_is_no_load_yet(tmp_path: Path, phase: str) -> None:
    """Un chargement qui télécharge d'abord ne compte pas cette attente dans la durée de son ouverture."""
    progress, seen = Progress(), []
    source = downloader(tmp_path, {"event": "phase", "phase": phase}, event(10), {"event": "done"})
    await source.fetch("m", progress, lambda: seen.append(progress.phase))
    assert seen == [phase, "downloading"]
    operation = Operation(OperationKind.LOAD, "m", progress=Progress(phase))
    nobody: Any = SimpleNamespace(ready=[])
    assert deduced(operation, nobody, complete=False) is ModelState.DOWNLOADING
