"""`/readyz` par un front : ce que dit le plan de contrôle, ou pourquoi il se tait."""

import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from passerelle.v1 import probe_pb2, probe_pb2_grpc
from prometheus_client import CollectorRegistry

from server import __version__
from server.control.services.probe import ProbeService as ControlProbe
from server.front.services.probe import ProbeService
from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from server.settings.build import commit_of
from tests.support.front_rig import answer


@asynccontextmanager
async def serving(service: Any, path: Path) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server(interceptors=[ServiceInterceptor(Guard((), ()), RpcMetrics(CollectorRegistry()))])
    probe_pb2_grpc.add_ProbeServiceServicer_to_server(service, server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{path}", options=(("grpc.default_authority", "localhost"),)) as channel:
        yield channel
    await server.stop(0)


async def asked(
    folder: Path, reasons: Callable[[], Awaitable[list[str]]] | None, notices: Sequence[str] = ()
) -> tuple[int, dict[str, Any]]:
    """Réponse d'un front ; `reasons` et `notices` : ce que dirait le plan de contrôle, `None` s'il est absent."""
    path = folder / "control.sock"
    target = grpc.aio.insecure_channel(f"unix:{path}", options=(("grpc.default_authority", "localhost"),))
    log = folder / "control.log"
    async with target, serving(ProbeService(target, log), folder / "front.sock") as front:

        async def probe() -> tuple[int, dict[str, Any]]:
            stub: Any = probe_pb2_grpc.ProbeServiceStub(front)
            code, headers, kind, data = await answer(stub.CheckReadiness(probe_pb2.CheckReadinessRequest()))
            assert kind == "application/json" and headers.get("retry-after") == (None if code == 200 else "1")
            return code, json.loads(data)

        if reasons is None:
            return await probe()
        async with serving(ControlProbe(reasons, _no_metrics, Guard((), ()), lambda: notices), path):
            return await probe()


async def _no_metrics() -> bytes:
    return b""


@pytest.mark.parametrize("missing", [[], ["Le modèle « qwen », demandé au démarrage, n'est pas chargé."]])
async def test_the_control_plane_decides(tmp_path: Path, missing: list[str]) -> None:
    async def reasons() -> list[str]:
        return missing

    code, found = await asked(tmp_path, reasons)
    assert (code, found) == (503 if missing else 200, {"ready": not missing, "reasons": missing})


async def test_what_did_not_come_back_is_said_by_a_ready_server(tmp_path: Path) -> None:
    async def reasons() -> list[str]:
        return []

    notice = "Le modèle « qwen » n'est pas revenu (GPU_BUSY) : …"
    code, found = await asked(tmp_path, reasons, [notice])
    assert (code, found) == (200, {"ready": True, "reasons": [], "notices": [notice]})


async def test_a_failing_control_plane_is_not_ready(tmp_path: Path) -> None:
    async def reasons() -> list[str]:
        raise OSError("disque")

    code, found = await asked(tmp_path, reasons)
    assert code == 503 and found["ready"] is False and "Erreur interne" in found["reasons"][0]


@pytest.mark.parametrize("said", ["", '{"event": "journal_refused", "error": "le disque est plein"}\n'])
async def test_an_absent_control_plane_is_said_with_its_last_words(tmp_path: Path, said: str) -> None:
    if said:
        (tmp_path / "control.log").write_text(f'{{"event": "avant"}}\n{said}')
    code, found = await asked(tmp_path, None)
    [reason] = found["reasons"]
    assert code == 503 and found["ready"] is False and "Le plan de contrôle ne répond pas" in reason
    assert ("journal_refused : le disque est plein" in reason) == bool(said)


async def test_a_front_tells_its_version_without_the_control_plane(tmp_path: Path) -> None:
    target = grpc.aio.insecure_channel(f"unix:{tmp_path / 'absent.sock'}")
    for build, told in (("", None), ("0123abc", "0123abc")):
        path = tmp_path / f"front{build}.sock"
        async with serving(ProbeService(target, None, build), path) as front:
            stub: Any = probe_pb2_grpc.ProbeServiceStub(front)
            code, _, kind, data = await answer(stub.GetVersion(probe_pb2.GetVersionRequest()))
        assert (code, kind) == (200, "application/json")
        assert json.loads(data) == {"version": __version__, "build": told}
    await target.close()


def test_the_build_is_the_commit_of_the_repository(tmp_path: Path) -> None:
    git = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert commit_of(tmp_path) == ""
    git(["git", "init", "-q"])
    assert commit_of(tmp_path) == ""
    git(["git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x"])
    assert commit_of(tmp_path) == git(["git", "rev-parse", "HEAD"]).stdout.strip() != ""
