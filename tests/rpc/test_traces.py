"""Une requête, une trace : les segments que reçoit un vrai collecteur, d'après la note que garde la fenêtre."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2
from passerelle.worker.v1 import link_pb2
from prometheus_client import CollectorRegistry

from server.engines.base import trace
from server.front import app
from server.link.server import FrontLink
from server.rpc.metrics import expose
from server.rpc.traces import Traces, TraceSettings
from tests.rpc.test_front_audio import SPOKEN, transcribing
from tests.rpc.test_requests import CANARY, ended
from tests.support.collector import Collector, collecting, values
from tests.support.front_calls import calls
from tests.support.front_rig import WORDS, Rig, answer, body, front, typed
from tests.support.product import free_port
from tests.support.waiting import soon, until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "voisin=1"))
UNSAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)


@contextmanager
def traced(
    monkeypatch: pytest.MonkeyPatch, port: int, *, ratio: float = 1.0, queue: int = 4096
) -> Iterator[list[Traces]]:
    """Les fronts de ce bloc tracent vers ce port ; rend leurs traceurs."""
    made: list[Traces] = []
    settings = app.FrontSettings

    def tracer(registry: CollectorRegistry) -> Traces:
        made.append(Traces(TraceSettings(f"127.0.0.1:{port}", ratio, queue, "front-0"), registry))
        return made[-1]

    with monkeypatch.context() as patch:
        patch.setattr("tests.support.front_rig.FrontSettings", partial(settings, tracer=tracer))
        yield made


async def received(collector: Collector, count: int, trace: str = TRACE) -> dict[str, Any]:
    return await asyncio.to_thread(collector.trace, trace, count)


def submitted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[link_pb2.Submit]:
    """Requêtes que reçoit l'exemplaire."""
    seen: list[link_pb2.Submit] = []
    host = rig.workers[0].host
    submit = host.submit

    def heard(link: FrontLink, request: link_pb2.Submit) -> None:
        seen.append(request)
        submit(link, request)

    monkeypatch.setattr(host, "submit", heard)
    return seen


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_is_one_trace_of_its_own_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    with collecting() as collector, traced(monkeypatch, collector.port):
        async with front(tmp_path) as rig:
            await answer(rig.rest.CreateChatCompletion(body(stream=stream), metadata=SAMPLED))
            [request] = await ended(rig)
            found = await received(collector, 4)
    root, engine = found["chat qwen"], found["engine"]
    assert root.parent_span_id.hex() == PARENT and root.trace_state == "voisin=1"
    assert {span.parent_span_id for name, span in found.items() if name != "chat qwen"} == {root.span_id}
    told = values(root)
    assert (told["gen_ai.operation.name"], told["gen_ai.request.model"]) == ("chat", "qwen")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, len(WORDS))
    assert told["passerelle.request_id"] == request.id
    # Les mêmes durées que la fenêtre, à ce que gardent des flottants de 32 bits.
    began = root.start_time_unix_nano
    assert (root.end_time_unix_nano - began) / 1e9 == pytest.approx(request.ended, abs=1e-5)
    assert (found["load"].end_time_unix_nano - began) / 1e9 == pytest.approx(request.sent, abs=1e-5)
    assert (engine.end_time_unix_nano - began) / 1e9 == pytest.approx(request.last, abs=1e-5)
    events = [(event.time_unix_nano - began) / 1e9 for event in engine.events]
    assert events == ([pytest.approx(request.first, abs=1e-5)] if stream else [])


async def test_the_worker_receives_the_trace_of_its_own_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_engine: list[dict[str, str]] = []

    async def note_trace(index: int) -> None:
        if not index:
            at_engine.append(dict(trace.get()))

    with collecting() as collector, traced(monkeypatch, collector.port):
        async with front(tmp_path) as rig:
            rig.engine.step = note_trace
            seen = submitted(rig, monkeypatch)
            await rig.chat.Chat(typed(), metadata=SAMPLED)
            found = await received(collector, 4)
    traceparent = f"00-{TRACE}-{found['engine'].span_id.hex()}-01"
    assert [(one.traceparent, one.tracestate) for one in seen] == [(traceparent, "voisin=1")]
    # Le moteur aussi : un qui envoie ses propres segments les range sous le nôtre.
    assert at_engine == [{"traceparent": traceparent, "tracestate": "voisin=1"}]


@pytest.mark.parametrize(
    ("ratio", "metadata", "kept"), [(0.0, SAMPLED, 1), (1.0, UNSAMPLED, 0), (0.0, (), 0), (1.0, (), 1)]
)
async def test_the_caller_decides_and_the_ratio_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float, metadata: Any, kept: int
) -> None:
    with collecting() as collector, traced(monkeypatch, collector.port, ratio=ratio):
        async with front(tmp_path) as rig:
            await answer(rig.rest.CreateChatCompletion(body(), metadata=metadata))
            await answer(rig.rest.CreateChatCompletion(body(model="absent"), metadata=metadata))
            # Une trace qu'on attend toujours : la précédente aurait été reçue avant elle.
            last = (("traceparent", f"00-{'e' * 32}-{PARENT}-01"),)
            await answer(rig.rest.CreateChatCompletion(body(), metadata=last))
            await received(collector, 4, "e" * 32)
    roots = [
        span for _, span in collector.spans() if span.trace_id.hex() != "e" * 32 and span.kind == span.SPAN_KIND_SERVER
    ]
    assert len(roots) == 2 * kept


async def test_what_is_not_a_context_starts_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector, traced(monkeypatch, collector.port):
        async with front(tmp_path) as rig:
            for wrong in ("", "00-zz-zz-01", f"00-{'0' * 32}-{PARENT}-01", "x" * 5000):
                await answer(rig.rest.CreateChatCompletion(body(), metadata=(("traceparent", wrong),)))
            await until(lambda: len([1 for _, span in collector.spans() if span.name == "chat qwen"]) == 4)
    roots = [span for _, span in collector.spans() if span.name == "chat qwen"]
    assert {span.parent_span_id for span in roots} == {b""} and len({span.trace_id for span in roots}) == 4


async def test_a_failure_says_its_reason_and_nothing_of_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{"role": "user", "content": CANARY}]
    with collecting() as collector, traced(monkeypatch, collector.port):
        async with front(tmp_path, keys=(f"cle-{CANARY}",)) as rig:
            rig.engine.words = (CANARY,)
            key = (("authorization", f"Bearer cle-{CANARY}"), *SAMPLED)
            for fields in ({}, {"model": CANARY}, {"stop": [{CANARY: 1}]}, {"stream": True, "user": CANARY}):
                await answer(rig.rest.CreateChatCompletion(body(messages=said, **fields), metadata=key))
            rig.engine.error = RuntimeError(CANARY)
            await answer(rig.rest.CreateChatCompletion(body(messages=said), metadata=key))
            await answer(
                rig.rest.CreateChatCompletion(body(), metadata=(("authorization", f"Bearer {CANARY}"), *SAMPLED))
            )
            await ended(rig, 6)
            await received(collector, 4 * 3 + 3)
    reasons = {values(span).get("error.type") for _, span in collector.spans() if span.kind == span.SPAN_KIND_SERVER}
    assert reasons == {None, "MODEL_NOT_FOUND", "INVALID_REQUEST", "ENGINE_FAILED", "INVALID_API_KEY"}
    assert CANARY.encode() not in collector.raw


async def test_a_file_says_its_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector, traced(monkeypatch, collector.port):
        async with transcribing(tmp_path) as rig:
            sent = rest_pb2.TranscribeAudioRequest(body=HttpBody(content_type="audio/wav", data=SPOKEN))
            await answer(rig.rest.TranscribeAudio(iter([sent]), metadata=SAMPLED))
            found = await received(collector, 4)
    told = values(found["transcription canary"])
    assert told["passerelle.audio_seconds"] > 1 and told["gen_ai.operation.name"] == "transcription"


async def load(rig: Rig, count: int) -> None:
    """Tant de requêtes, de toutes les formes, chacune servie."""
    ways = tuple(calls(rig).values())
    for index in range(count):
        call = ways[index % len(ways)]()
        if hasattr(call, "__aiter__"):
            assert [one async for one in call]
        else:
            await call


@pytest.mark.parametrize("kind", ["absent", "stuck"])
async def test_a_dead_collector_holds_no_one_and_what_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with collecting() as collector:
        collector.stuck.set()
        port = collector.port if kind == "stuck" else free_port()
        with traced(monkeypatch, port, queue=64) as made:
            async with front(tmp_path) as rig:
                await soon(load(rig, 60))
                found = await ended(rig, 60)
                assert {request.status for request in found} == {"OK"}
                text = expose(rig.registry).decode()
    [dropped] = [line for line in text.splitlines() if line.startswith("passerelle_trace_spans_dropped_total ")]
    assert float(dropped.split()[1]) >= 60 * 4 - 64 - 64 * len(made)


async def test_off_nothing_is_loaded_nor_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_engine: list[dict[str, str]] = []

    async def note_trace(_index: int) -> None:
        at_engine.append(dict(trace.get()))

    async with front(tmp_path) as rig:
        rig.engine.step = note_trace
        seen = submitted(rig, monkeypatch)
        await rig.chat.Chat(typed(), metadata=SAMPLED)
    assert [one.traceparent for one in seen] == [""] and at_engine == [{}] * len(WORDS)
    loads = "import sys, server.roles.front, server.front.app; sys.exit('opentelemetry' in str(sys.modules.keys()))"
    assert await (await asyncio.create_subprocess_exec(sys.executable, "-c", loads)).wait() == 0
