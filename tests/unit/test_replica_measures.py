"""Ce qu'un exemplaire compte, dit par la vraie liaison, tel que `/metrics` le montre."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from passerelle.worker.v1 import link_pb2, measures_pb2
from prometheus_client import CollectorRegistry

from server.control.life.replicas import Replica
from server.control.measures import replicas
from server.engines.base import EngineSpec
from server.engines.base_audio import RecognitionOptions, RecognitionWindow
from server.link.client import LinkClient
from server.link.server import LinkServer
from server.rpc.metrics import expose
from server.worker import batcher as batches
from server.worker import host as hosts
from server.worker import spooled
from server.worker.batcher import Rank, WindowBatcher
from server.worker.host import WorkerHost
from server.worker.measures import Measures, class_of
from tests.fakes.engines import FakeChatEngine, FakeTranscribeEngine, SleepyChatEngine
from tests.support.waiting import PATIENCE, until

FRAME = 1024 * 1024


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Measures:
    """Des comptes à zéro, comme dans un processus neuf."""
    found = Measures()
    for module in (batches, hosts, spooled):
        monkeypatch.setattr(module, "measures", found)
    return found


class Counting(SleepyChatEngine):
    """Moteur qui tient ses propres mesures."""

    def gauges(self) -> Mapping[str, float]:
        return {"kv_cache_size_tokens": 4096, "kv_cache_requested_tokens": 12}

    def exposition(self) -> bytes:
        return (
            b"# HELP vllm:prompt_tokens_total Number of prefill tokens processed.\n"
            b"# TYPE vllm:prompt_tokens_total counter\n"
            b'vllm:prompt_tokens_total{engine="0"} 7.0\n'
        )


@asynccontextmanager
async def worker(engine: FakeChatEngine, folder: Path) -> AsyncIterator[tuple[WorkerHost, LinkClient]]:
    host = WorkerHost(engine, max_waiting=8, on_dead=lambda _reason: None)
    server = LinkServer(host, name="m-0", max_frame_bytes=FRAME)
    await server.start(str(folder / "m.sock"))
    try:
        yield (
            host,
            await LinkClient.connect(
                str(folder / "m.sock"), "control", max_frame_bytes=FRAME, request_buffer_bytes=FRAME
            ),
        )
    finally:
        await server.stop()


@contextmanager
def known(link: LinkClient, name: str = "m-0", *, measured: bool = True) -> Iterator[Any]:
    """Modèle dont cet exemplaire est le seul."""
    replica = cast(Replica, SimpleNamespace(id=name, link=link, measured=measured))
    yield SimpleNamespace(spec=SimpleNamespace(key="m"), replicas=[replica])


def shown(told: Any) -> list[str]:
    return expose(CollectorRegistry(), more=replicas.collect(told)).decode().splitlines()


def submit(link: LinkClient, caller: str) -> None:
    payload = json.dumps({"model": "m"}).encode()
    link.submit(link_pb2.REQUEST_KIND_CHAT, payload, stream=False, request_id="r", caller=caller)


async def test_who_waits_is_told_by_class(tmp_path: Path) -> None:
    """Autant de séries pour mille appelants que pour un."""
    engine = Counting(EngineSpec("m", Path(), {}))
    async with worker(engine, tmp_path) as (host, link):
        await link.sleep(2, 5.0)
        for caller in ("psl_a", "psl_a", "psl_b*4", "k0", "tabc", "a10.0.0.1", "a2001db8", ""):
            submit(link, caller)
        await until(lambda: host.load().waiting == 8)
        with known(link) as model:
            lines = shown(await replicas.ask([model]))
    for name, count in {"named_key": 3, "settings_key": 1, "token": 1, "address": 2, "none": 1}.items():
        assert f'passerelle_queue_waiting{{class="{name}",model="m",replica="m-0"}} {count}.0' in lines
    assert 'passerelle_queue_callers{model="m",replica="m-0"} 7.0' in lines
    assert 'passerelle_live_streams{model="m",replica="m-0"} 0.0' in lines
    assert 'passerelle_kv_cache_size_tokens{model="m",replica="m-0"} 4096.0' in lines
    # Celles de la bibliothèque du moteur, chacune avec son exemplaire.
    assert 'vllm:prompt_tokens_total{engine="0",model="m",replica="m-0"} 7.0' in lines


@pytest.mark.parametrize("caller", ["psl_4k7d2m9q", "k12", "t0badcafe*8", "a192.0.2.1", "", "?"])
def test_every_caller_has_a_bounded_class(caller: str) -> None:
    assert class_of(caller) in {"named_key", "settings_key", "token", "address", "none"}


async def test_a_replica_that_says_nothing_delays_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "_PATIENCE", 0.01)
    async with worker(FakeChatEngine(EngineSpec("m", Path(), {})), tmp_path) as (host, link):
        monkeypatch.setattr(host, "measure", lambda _link, _request: None)
        with known(link) as silent:
            assert await replicas.ask([silent]) == []
        monkeypatch.setattr(replicas, "_PATIENCE", PATIENCE)
        with known(link, measured=False) as older:
            assert await replicas.ask([older]) == []
        link._connection.heard_at -= 10
        assert link.silent
        with known(link) as frozen:
            assert await replicas.ask([frozen]) == []
        await link.aclose()
        await link.wait_closed()
        with known(link) as gone:
            assert await replicas.ask([gone]) == []
    assert any(line.startswith("# TYPE passerelle_queue_waiting ") for line in shown([]))


async def test_a_batch_tells_its_size_and_its_padding(fresh: Measures) -> None:
    engine = FakeTranscribeEngine(max_batch=4)
    windows = WindowBatcher(engine)
    lengths = (1.0, 1.125, 1.375)
    tickets = [
        windows.submit(RecognitionWindow(np.zeros(int(16000 * one), np.float32), RecognitionOptions()), Rank.FILE)
        for one in lengths
    ]
    await asyncio.gather(*(ticket.future for ticket in tickets))
    fresh.watch("windows_waiting", windows.waiting)
    with known(cast(LinkClient, None)) as model:
        told = fresh.told(queue={}, gauges={}, engine=engine)
        lines = shown([("m", model.replicas[0], told)])
    # 3 fenêtres d'un seul lot, complétées à 1,375 seconde.
    assert 'passerelle_batch_windows_bucket{le="4.0",model="m",rank="file",replica="m-0"} 1.0' in lines
    assert 'passerelle_batch_windows_sum{model="m",rank="file",replica="m-0"} 3.0' in lines
    assert 'passerelle_batch_audio_seconds_total{model="m",rank="file",replica="m-0"} 3.5' in lines
    assert 'passerelle_batch_padding_seconds_total{model="m",rank="file",replica="m-0"} 0.625' in lines
    assert 'passerelle_batch_seconds_count{model="m",rank="file",replica="m-0"} 1.0' in lines
    for rank in ("final", "file", "draft"):
        assert f'passerelle_windows_waiting{{model="m",rank="{rank}",replica="m-0"}} 0.0' in lines


class Decoded:
    """Décodage de trois blocs."""

    seconds = 6.0

    async def blocks(self) -> AsyncIterator[str]:
        for rank in range(3):
            yield f"bloc {rank}"


async def test_a_decoding_tells_its_wait_once_it_is_whole(fresh: Measures) -> None:
    engine = FakeTranscribeEngine()
    blocks: list[Any] = [block async for block in spooled.timed_blocks(cast(Any, Decoded()))]
    assert blocks == ["bloc 0", "bloc 1", "bloc 2"]
    told = fresh.told(queue={}, gauges={}, engine=engine)
    assert {value.name: value.value for value in told.values}["decoded_audio_seconds_total"] == 6.0
    assert [(spread.name, sum(spread.counts)) for spread in told.spreads] == [("decode_seconds", 1)]


@pytest.mark.parametrize("text", [b"pas du Prometheus", b'vllm:x{engine="0" 1', b"\xff"])
def test_an_engine_that_tells_nonsense_does_not_spoil_the_page(text: bytes) -> None:
    told = measures_pb2.Measures(values=[measures_pb2.Value(name="inconnu", value=1)], engine=text)
    with known(cast(LinkClient, None)) as model:
        lines = shown([("m", model.replicas[0], told)])
    assert any(line.startswith("# TYPE passerelle_batch_seconds ") for line in lines)
    assert not any("inconnu" in line for line in lines)
