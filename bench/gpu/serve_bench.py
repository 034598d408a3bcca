"""`vllm bench serve`, le même client contre les deux adversaires, et le temps de processeur de ceux qu'il charge."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

VLLM = (sys.executable, "-m", "vllm.entrypoints.cli.main")
_LINES = {
    "duration": r"Benchmark duration \(s\):\s+([\d.]+)",
    "tokens_per_second": r"Output token throughput \(tok/s\):\s+([\d.]+)",
    "requests_per_second": r"Request throughput \(req/s\):\s+([\d.]+)",
    "tokens": r"Total generated tokens:\s+([\d.]+)",
    "failed": r"Failed requests:\s+([\d.]+)",
    "ttft_p50": r"Median TTFT \(ms\):\s+([\d.]+)",
    "ttft_p99": r"P99 TTFT \(ms\):\s+([\d.]+)",
    "tpot_p50": r"Median TPOT \(ms\):\s+([\d.]+)",
    "itl_p99": r"P99 ITL \(ms\):\s+([\d.]+)",
}


@dataclass(frozen=True)
class Load:
    """Charge : longueurs en jetons, requêtes en tout et de front."""

    input_tokens: int
    output_tokens: int
    prompts: int
    streams: int


@dataclass
class Figures:
    """Ce que le client a vu, et ce que les processus ont coûté."""

    values: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def cpu_micros_per_token(self) -> dict[str, float]:
        """Processeur de chaque processus, en microsecondes par jeton rendu."""
        tokens = self.values.get("tokens", 0.0) or 1.0
        return {name: 1e6 * seconds / tokens for name, seconds in self.cpu_seconds.items()}


def run_load(
    base_url: str, tokenizer: Path, load: Load, processes: Callable[[], Mapping[str, int]], log: Path
) -> Figures:
    """Joue une charge ; `processes` nomme les processus dont le temps est compté.

    Raises:
        RuntimeError: le client a échoué ; son journal est en `log`.
    """
    before = {name: _cpu(pid) for name, pid in processes().items()}
    with log.open("wb") as output:
        code = subprocess.run(
            [
                *(*VLLM, "bench", "serve", "--backend", "openai-chat", "--base-url", base_url),
                *("--endpoint", "/v1/chat/completions", "--model", "qwen", "--tokenizer", str(tokenizer)),
                *("--dataset-name", "random", "--ignore-eos", "--seed", "1"),
                *("--percentile-metrics", "ttft,tpot,itl", "--metric-percentiles", "50,99"),
                *("--random-input-len", str(load.input_tokens), "--random-output-len", str(load.output_tokens)),
                *("--num-prompts", str(load.prompts), "--max-concurrency", str(load.streams)),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=240,
        ).returncode
    text = log.read_text(errors="replace")
    if code:
        raise RuntimeError(f"vllm bench serve a échoué (code {code}) :\n{text[-2000:]}")
    figures = Figures()
    for name, pattern in _LINES.items():
        found = re.search(pattern, text)
        if found:
            figures.values[name] = float(found.group(1))
    for name, pid in processes().items():
        if name in before:
            figures.cpu_seconds[name] = _cpu(pid) - before[name]
    return figures


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
