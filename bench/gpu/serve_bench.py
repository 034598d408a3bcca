"""`vllm bench serve`, le même client contre les deux adversaires, et le temps de processeur de ceux qu'il charge."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_CLIENT_SECONDS = 240
_SUMMED = {"tokens_per_second", "requests_per_second", "tokens", "failed"}
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
    images: int = 0
    """Images de 448 × 448 par requête."""

    @property
    def label(self) -> str:
        """Flux, et ce que la charge a de plus."""
        return f"{self.streams}{f'-{self.input_tokens}' if self.input_tokens > 256 else ''}{'-images' if self.images else ''}"


@dataclass
class Figures:
    """Ce que le client a vu, et ce que les processus ont coûté."""

    values: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def cpu_micros_per_token(self) -> dict[str, float]:
        """Processeur de chaque rôle, tous rangs ensemble, en microsecondes par jeton rendu."""
        tokens = self.values.get("tokens", 0.0) or 1.0
        costs: dict[str, float] = defaultdict(float)
        for name, seconds in self.cpu_seconds.items():
            costs[name.rstrip("-0123456789")] += 1e6 * seconds / tokens
        return dict(costs)


def run_load(
    base_url: str, tokenizer: Path, load: Load, processes: Callable[[], Mapping[str, int]], log: Path
) -> Figures:
    """Joue une charge ; `processes` nomme les processus dont le temps est compté.

    Raises:
        RuntimeError: le client a échoué ; son journal est en `log`.
    """
    return run_loads([base_url], tokenizer, load, processes, log)


def run_loads(
    base_urls: Sequence[str], tokenizer: Path, load: Load, processes: Callable[[], Mapping[str, int]], log: Path
) -> Figures:
    """Joue la même charge à chaque adresse, un client pour chacune, en même temps ; les débits s'ajoutent.

    Les requêtes ne sont pas les mêmes d'un client à l'autre. Les latences sont celles du client le moins bien servi. Les
    journaux des clients suivants portent leur rang.

    Raises:
        RuntimeError: un client a échoué ; son journal est en `log`.
    """
    before = {name: _cpu(pid) for name, pid in processes().items()}
    logs = [log.with_stem(f"{log.stem}-{rank}" if rank else log.stem) for rank in range(len(base_urls))]
    clients = []
    for rank, (url, path) in enumerate(zip(base_urls, logs, strict=True)):
        with path.open("wb") as output:
            # Une graine par charge et par client : sans quoi les suivantes retrouveraient leurs textes dans le cache.
            seed = 1000 * (rank + 1) + load.streams
            command = _client(url, tokenizer, load, seed=seed, detail=path.with_suffix(".json"))
            clients.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
    try:
        codes = [client.wait(_CLIENT_SECONDS) for client in clients]
    finally:
        for client in clients:
            client.kill()
    found = []
    for code, path in zip(codes, logs, strict=True):
        text = path.read_text(errors="replace")
        if code:
            raise RuntimeError(f"vllm bench serve a échoué (code {code}) :\n{text[-2000:]}")
        found.append({name: float(match.group(1)) for name, line in _LINES.items() if (match := re.search(line, text))})
    figures = Figures({name: (sum if name in _SUMMED else max)(one[name] for one in found) for name in found[0]})
    for name, pid in processes().items():
        if name in before:
            figures.cpu_seconds[name] = _cpu(pid) - before[name]
    return figures


_IMAGES = {
    "--random-mm-bucket-config": "{(448, 448, 1): 1.0}",
    "--random-mm-num-mm-items-range-ratio": "0",
    "--random-mm-limit-mm-per-prompt": '{"image": 8, "video": 0}',
}


def _client(base_url: str, tokenizer: Path, load: Load, *, seed: int, detail: Path) -> list[str]:
    return [
        *(*VLLM, "bench", "serve", "--backend", "openai-chat", "--base-url", base_url),
        *("--endpoint", "/v1/chat/completions", "--model", "qwen", "--tokenizer", str(tokenizer)),
        *("--dataset-name", "random-mm" if load.images else "random", "--ignore-eos", "--seed", str(seed)),
        *(("--random-mm-base-items-per-request", str(load.images)) if load.images else ()),
        *(word for pair in _IMAGES.items() for word in pair if load.images),
        *("--percentile-metrics", "ttft,tpot,itl", "--metric-percentiles", "50,99"),
        *("--random-input-len", str(load.input_tokens), "--random-output-len", str(load.output_tokens)),
        *("--num-prompts", str(load.prompts), "--max-concurrency", str(load.streams)),
        *("--save-result", "--save-detailed", "--result-dir", str(detail.parent), "--result-filename", detail.name),
    ]


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
