"""Ce que vLLM dit de son cache sans ses statistiques, et ses propres mesures quand le profil les demande."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from server.engines.base import ChatKind, MeasuredEngine, trace
from server.engines.vllm.engine import VllmEngine
from tests.support.collector import collecting
from tests.support.vllm_opened import opened, spec

pytestmark = [pytest.mark.asyncio, pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]

LONG = "The sea is wide and the night is long. " * 60


def asked(stream: bool, **more: Any) -> bytes:
    fixed = {"model": "qwen", "prompt": LONG, "max_tokens": 4, "ignore_eos": True, "stream": stream}
    return json.dumps(fixed | more).encode()


async def served(engine: VllmEngine, *, stream: bool) -> None:
    if stream:
        await engine.push(ChatKind.COMPLETION, asked(stream), lambda _frame: None)
    else:
        assert [item async for item in engine.generate(ChatKind.COMPLETION, asked(stream), stream=False)]


async def test_the_cache_is_known_without_the_statistics(tmp_path: Path) -> None:
    async with opened(spec(tmp_path)) as engine:
        assert isinstance(engine, MeasuredEngine) and engine.exposition() == b""
        before = engine.gauges()
        assert before["kv_cache_size_tokens"] > 2048 and before["kv_cache_requested_tokens"] == 0
        await served(engine, stream=True)
        first = engine.gauges()
        prompt = first["prefix_cache_query_tokens_total"] - before["prefix_cache_query_tokens_total"]
        assert prompt > 400
        # Le même texte, par l'autre chemin : presque tout est déjà là.
        await served(engine, stream=False)
        second = engine.gauges()
        hits = second["prefix_cache_hit_tokens_total"] - first["prefix_cache_hit_tokens_total"]
        assert prompt * 0.8 < hits <= prompt
        assert second["prefix_cache_query_tokens_total"] - first["prefix_cache_query_tokens_total"] == prompt
        # En cours, une requête compte ; abandonnée, plus rien ne reste.
        begun = asyncio.Event()
        running = asyncio.create_task(
            engine.push(ChatKind.COMPLETION, asked(True, max_tokens=1000), lambda _frame: begun.set())
        )
        await begun.wait()
        assert engine.gauges()["kv_cache_requested_tokens"] > prompt
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert engine.gauges()["kv_cache_requested_tokens"] == 0


async def test_its_own_measures_are_told_when_the_profile_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Avec le dossier des mesures du serveur dans l'environnement : vLLM n'y écrit rien."""
    shared = tmp_path / "metrics"
    shared.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared))
    async with opened(spec(tmp_path, disable_log_stats=False)) as engine:
        assert engine.detour == "", "les flux ordinaires gardent leur chemin court"
        await served(engine, stream=True)
        text = engine.exposition().decode()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ and not list(shared.iterdir())
    assert float(re.findall(r"^vllm:generation_tokens_total\{.*\} (\S+)$", text, re.M)[0]) >= 4
    assert all(line.startswith(("vllm:", "# HELP vllm:", "# TYPE vllm:")) for line in text.splitlines())


async def test_its_own_spans_are_in_the_trace_of_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM les fait de ses statistiques : éteintes, la première requête tracée arrêtait le moteur."""
    # vLLM l'écrit lui-même : l'essai d'après ne doit pas en hériter.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    number, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with collecting() as collector:
        async with opened(spec(tmp_path, otlp_traces_endpoint=f"http://127.0.0.1:{collector.port}")) as engine:
            assert engine.detour == ""
            trace.set({"traceparent": f"00-{number}-{parent}-01", "tracestate": ""})
            for stream in (True, False):
                await served(engine, stream=stream)
            await asyncio.to_thread(collector.trace, number, 2)
    spans = [span for _, span in collector.spans() if span.trace_id.hex() == number]
    assert [(span.name, span.parent_span_id.hex()) for span in spans] == [("llm_request", parent)] * 2
    assert b"The sea is wide" not in collector.raw
