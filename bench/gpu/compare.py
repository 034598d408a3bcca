"""Le produit entier contre `vllm serve` nu : même machine, mêmes options, mêmes graines, même client, l'un après l'autre."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil

from bench.gpu.serve_bench import VLLM, Figures, Load, run_load
from tests.support.product import Product, free_port

OPTIONS: dict[str, object] = {
    "load_format": "dummy",
    "max_model_len": 32768,
    "gpu_memory_utilization": 0.9,
    "enable_sleep_mode": True,
    # Celui du profil livré : il coûte à vLLM même quand aucune requête n'a d'outils.
    "tool_call_parser": "hermes",
}
"""Arguments de vLLM, les mêmes pour les deux."""
IMPLIED: dict[str, object] = {"enable_auto_tool_choice": True, "disable_log_stats": True}
"""Ce que le produit ajoute de lui-même, et qu'il faut dire à `vllm serve`."""
API_SERVERS = (1, 4)
"""Formes de `vllm serve` : son seul processus, puis quatre devant le même modèle."""
WARM_UP = Load(256, 64, 256, 256)
LOADS = {
    "1": Load(256, 128, 16, 1),
    "16": Load(256, 128, 64, 16),
    "64": Load(256, 256, 128, 64),
    "256": Load(256, 256, 512, 256),
    "512": Load(256, 256, 1024, 512),
    "1024": Load(256, 256, 2048, 1024),
    "long": Load(2048, 64, 192, 64),
    "images": Load(64, 64, 192, 64, images=1),
}
"""Charges, par nom."""
START_SECONDS = 420.0

Processes = Callable[[], Mapping[str, int]]
"""Processus à compter, par nom."""


def measure_bare(weights: Path, folder: Path, loads: Sequence[Load], forms: Sequence[int] = API_SERVERS) -> None:
    """Mesure `vllm serve` nu, sous ses formes (nombre de serveurs d'API), et garde ses chiffres pour `report`."""
    for count in forms:
        with bare(weights, folder, api_servers=count) as (url, processes):
            found = measure(f"vllm-serve-{count}", url, weights, loads, processes, folder)
            keep(folder / f"vllm-serve-{count}.json", found)


def measure_served(product: Product, weights: Path, folder: Path, loads: Sequence[Load]) -> None:
    """Mesure le produit, `qwen` chargé, et garde ses chiffres pour `report`."""
    figures = measure("passerelle", product.base_url, weights, loads, lambda: names(product), folder)
    keep(folder / "passerelle.json", figures)


def report(folder: Path, loads: Sequence[Load]) -> None:
    """Écrit le tableau des rapports à chaque forme de `vllm serve`."""
    for count in API_SERVERS:
        print(f"\n`vllm serve --api-server-count {count}` :")
        table(loads, recall(folder / "passerelle.json"), recall(folder / f"vllm-serve-{count}.json"))


def table(loads: Sequence[Load], ours: Sequence[Figures], theirs: Sequence[Figures]) -> None:
    """Écrit les débits et leurs rapports, puis le processeur de chacun."""
    print(
        "\n| flux | jetons/s, Passerelle | jetons/s, vllm serve | rapport | 1er jeton p50 / p99 (ms) | celui de vllm serve "
        "| écart entre jetons p99 (ms) | celui de vllm serve |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for load, one, other in zip(loads, ours, theirs, strict=True):
        a, b = one.values, other.values
        ratio = a["tokens_per_second"] / b["tokens_per_second"]
        print(
            f"| {load.label} | {a['tokens_per_second']:.0f} | {b['tokens_per_second']:.0f} | **{ratio:.3f}** | "
            f"{a['ttft_p50']:.0f} / {a['ttft_p99']:.0f} | {b['ttft_p50']:.0f} / {b['ttft_p99']:.0f} | "
            f"{a['itl_p99']:.0f} | {b['itl_p99']:.0f} |"
        )
    print("\n| flux | qui | processeur, µs par jeton |")
    print("|---|---|---|")
    for load, one, other in zip(loads, ours, theirs, strict=True):
        for who, figures in (("Passerelle", one), ("vllm serve", other)):
            costs = figures.cpu_micros_per_token()
            detail = ", ".join(f"{name} {cost:.0f}" for name, cost in sorted(costs.items()) if cost >= 0.5)
            print(f"| {load.label} | {who} | {sum(costs.values()):.0f} : {detail} |", flush=True)


def keep(path: Path, figures: Sequence[Figures]) -> None:
    """Garde des chiffres d'un lancement à l'autre."""
    path.write_text(json.dumps([asdict(one) for one in figures]), encoding="utf-8")


def recall(path: Path) -> list[Figures]:
    """Retrouve les chiffres gardés."""
    return [Figures(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


def measure(
    who: str,
    url: str,
    weights: Path,
    loads: Sequence[Load],
    processes: Processes,
    folder: Path,
    *,
    warm_up: bool = True,
) -> list[Figures]:
    """Échauffe, puis joue chaque charge ; `who` nomme les journaux."""
    if warm_up:
        run_load(url, weights, WARM_UP, processes, folder / f"{who}-echauffement.log")
    found = []
    for load in loads:
        figures = run_load(url, weights, load, processes, folder / f"{who}-{load.label}.log")
        print(f"{who} {load} {figures.values}", flush=True)
        found.append(figures)
    return found


@contextmanager
def bare(weights: Path, folder: Path, gpu: int = 0, api_servers: int = 1) -> Iterator[tuple[str, Processes]]:
    """`vllm serve` en marche sur un GPU ; rend son adresse et de quoi nommer ses processus."""
    port = free_port()
    options = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in (OPTIONS | IMPLIED | {"api_server_count": api_servers}).items()
    ]
    log = folder / f"vllm-serve-gpu{gpu}.log"
    begin = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(*VLLM, "serve", str(weights), "--served-model-name", "qwen", "--host", "127.0.0.1"),
                *("--port", str(port), "--no-enable-log-requests", *options),
            ],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": str(gpu)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() - begin > START_SECONDS:
                raise RuntimeError(f"vllm serve n'est pas venu :\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(1)
        print(f"vllm serve, GPU {gpu}, prêt en {time.monotonic() - begin:.0f} s", flush=True)
        yield url, lambda: bare_names(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def names(product: Product) -> dict[str, int]:
    """Processus du produit, par rôle et par rang."""
    found: dict[str, int] = {}
    for process in product.processes():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "server" in command:
            role = command[command.index("server") + 1]
            ranks = [command[command.index(flag) + 1] for flag in ("--index", "--key", "--replica") if flag in command]
            found["-".join([role, *ranks])] = process.pid
        elif command and "envoy" in command[0]:
            found["envoy"] = process.pid
        elif "EngineCore" in " ".join(command):
            found[f"EngineCore-{process.pid}"] = process.pid
    return found


def bare_names(pid: int) -> dict[str, int]:
    """Processus d'un `vllm serve`, par rôle."""
    found = {f"serveur d'API-{pid}": pid}
    for child in psutil.Process(pid).children(recursive=True):
        command = " ".join(child.cmdline())
        for title, name in (("EngineCore", "EngineCore"), ("APIServer", "serveur d'API")):
            if title in command:
                found[f"{name}-{child.pid}"] = child.pid
    return found


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
