"""Les étapes de vLLM, entendues d'un autre processus qui écrit les lignes qu'il écrit."""

import os
import subprocess
import sys
from typing import Any

import pytest

from server.engines.base import LoadPhase
from server.engines.vllm.signals import told

CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"vllm": {"class": "logging.StreamHandler", "level": "WARNING", "stream": "ext://sys.stdout"}},
    "loggers": {"vllm": {"handlers": ["vllm"], "level": "WARNING", "propagate": False}},
}
# Ce que fait vLLM de cette configuration, à l'import.
ENGINE = """
import json, logging.config, os, sys
logging.config.dictConfig(json.load(open(os.environ["VLLM_LOGGING_CONFIG_PATH"])))
for line in sys.stdin.read().splitlines():
    level, text, *values = line.split("|")
    logging.getLogger("vllm.v1").log(int(level), text, *values)
"""
# Écrites sur un H200 par vLLM 0.26.0, avec graphes et compilation, puis par son second lanceur de modèle.
H200 = [
    "20|Starting to load model %s...|/modele",
    "20|Model loading took %s GiB memory and %s seconds|58.24|1.215917",
    "20|Using cache directory: %s for vLLM's torch.compile|/cache/backbone",
    "20|Dynamo bytecode transform time: %s s|13.93",
    "20|Compiling a graph for compile range %s takes %s s|(1, 8192)|22.35",
    "20|torch.compile took %s s in total|45.49",
    "20|Initial profiling/warmup run took %s s|2.48",
    "20|Profiling CUDA graph memory: %s|PIECEWISE=51 (largest=512), FULL=51 (largest=512)",
    "20|Estimated CUDA graph memory: %s GiB total|0.64",
    "20|GPU KV cache size: %s tokens|705,472",
    "20|Graph capturing finished in %s secs, took %s GiB|30|0.81",
]
SECOND_RUNNER = [
    "20|Loading model from scratch...",
    "20|Model loading took %s GiB and %s seconds|0.1|1.935899",
    *H200[2:7],
    *H200[9:],
]
WEIGHTS = ["20|Starting to load model %s...|/modele", "20|Loading weights took %s seconds|1.10"]
CACHE = "20|CPU KV cache size: %s tokens, Maximum concurrency for %s tokens per request: %s|1,024|512|2.00x"


def heard(*processes: list[str]) -> tuple[list[LoadPhase], str]:
    """Étapes entendues, et ce que les processus ont écrit."""
    phases: list[LoadPhase] = []
    with told(phases.append, CONFIG):
        command = (sys.executable, "-c", ENGINE)
        written = [
            subprocess.run(command, input="\n".join(lines), check=True, capture_output=True, text=True, timeout=60)
            for lines in processes
        ]
    return phases, "".join(one.stdout + one.stderr for one in written)


def test_processes_speak_as_one_and_the_logs_do_not_change() -> None:
    phases, written = heard([*WEIGHTS, "30|attention"], [*WEIGHTS, "30|attention"], [CACHE])
    assert phases == [LoadPhase.LOADING_WEIGHTS, LoadPhase.ALLOCATING_CACHE]
    assert written == "attention\nattention\n"


@pytest.mark.parametrize(("lines", "last"), [(H200, "capturing_graphs"), (SECOND_RUNNER, "allocating_cache")])
def test_a_load_on_a_gpu_is_told(lines: list[str], last: str) -> None:
    phases, _ = heard(lines)
    assert phases == ["loading_weights", "profiling", "compiling", "profiling", last]


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_LOGGING_CONFIG_PATH", raising=False)
    with told(lambda _phase: None, CONFIG):
        path = os.environ["VLLM_LOGGING_CONFIG_PATH"]
        assert os.path.exists(path)
    assert "VLLM_LOGGING_CONFIG_PATH" not in os.environ and not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize(("name", "value"), [("VLLM_LOGGING_CONFIG_PATH", "/a/moi"), ("VLLM_CONFIGURE_LOGGING", "0")])
def test_an_operator_keeps_their_own_logs(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with told(lambda _phase: None, CONFIG):
        assert dict(os.environ) == before


def test_a_process_that_outlives_the_load_holds_nothing_back() -> None:
    with told(lambda _phase: None, CONFIG):
        # Il hérite des deux bouts du tube, comme après un fork.
        ends = [fd for fd in map(int, os.listdir("/proc/self/fd")) if _target(fd).endswith("/signals")]
        assert len(ends) == 2
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=ends)
    assert child.poll() is None
    child.communicate(b"\n", timeout=60)


def _target(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except FileNotFoundError:
        return ""
