"""Le produit entier contre `vllm serve` nu : même machine, mêmes options, même graine, même client, l'un après l'autre."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.gpu.installation import Weights, install
from bench.gpu.serve_bench import VLLM, Figures, Load, run_load
from tests.e2e.product import Product, free_port, running_product

OPTIONS: dict[str, object] = {
    "load_format": "dummy",
    "max_model_len": 32768,
    "gpu_memory_utilization": 0.92,
}
WARM_UP = (Load(128, 64, 64, 32), Load(256, 128, 256, 256))
LOADS = (Load(256, 128, 16, 1), Load(256, 256, 256, 64), Load(256, 256, 768, 256), Load(256, 256, 1024, 512))
START_SECONDS = 420.0

Processes = Callable[[], Mapping[str, int]]
"""Processus à compter, par nom."""


def compare(weights: Path, folder: Path, loads: Sequence[Load] = LOADS) -> None:
    """Mesure les deux et écrit le tableau des rapports."""
    with bare(weights, folder) as (url, processes):
        theirs = measure("vllm-serve", url, weights, loads, processes, folder)
    with served(weights, folder) as product:
        ours = measure("passerelle", product.base_url, weights, loads, lambda: names(product), folder)
    print(
        "\n| flux | jetons/s, Passerelle | jetons/s, vllm serve | rapport | 1er jeton p50 / p99 (ms) | celui de vllm serve |"
    )
    print("|---|---|---|---|---|---|")
    for load, one, other in zip(loads, ours, theirs, strict=True):
        a, b = one.values, other.values
        ratio = a["tokens_per_second"] / b["tokens_per_second"]
        print(
            f"| {load.streams} | {a['tokens_per_second']:.0f} | {b['tokens_per_second']:.0f} | **{ratio:.3f}** | "
            f"{a['ttft_p50']:.0f} / {a['ttft_p99']:.0f} | {b['ttft_p50']:.0f} / {b['ttft_p99']:.0f} |"
        )
    print("\n| flux | qui | processeur, µs par jeton |")
    print("|---|---|---|")
    for load, one, other in zip(loads, ours, theirs, strict=True):
        for who, figures in (("Passerelle", one), ("vllm serve", other)):
            costs = figures.cpu_micros_per_token()
            detail = ", ".join(f"{name} {cost:.0f}" for name, cost in sorted(costs.items()) if cost >= 0.5)
            print(f"| {load.streams} | {who} | {sum(costs.values()):.0f} : {detail} |")


def measure(
    who: str, url: str, weights: Path, loads: Sequence[Load], processes: Processes, folder: Path
) -> list[Figures]:
    """Échauffe, puis joue chaque charge ; `who` nomme les journaux."""
    for index, load in enumerate(WARM_UP):
        run_load(url, weights, load, processes, folder / f"{who}-echauffement-{index}.log")
    found = []
    for load in loads:
        figures = run_load(url, weights, load, processes, folder / f"{who}-{load.streams}.log")
        print(f"{who} {load} {figures.values}", flush=True)
        found.append(figures)
    return found


@contextmanager
def bare(weights: Path, folder: Path) -> Iterator[tuple[str, Processes]]:
    """`vllm serve` en marche ; rend son adresse et de quoi nommer ses processus."""
    port = free_port()
    options = [text for name, value in OPTIONS.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    log = folder / "vllm-serve.log"
    begin = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(*VLLM, "serve", str(weights), "--served-model-name", "qwen", "--host", "127.0.0.1"),
                *("--port", str(port), "--no-enable-log-requests", *options),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() - begin > START_SECONDS:
                raise RuntimeError(f"vllm serve n'est pas venu :\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(1)
        print(f"vllm serve prêt en {time.monotonic() - begin:.0f} s", flush=True)
        yield url, lambda: _bare_names(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def served(weights: Path, folder: Path, **options: object) -> Iterator[Product]:
    """Le produit entier, `qwen` chargé."""
    model = Weights("qwen", "chat", "vllm", weights, OPTIONS | options, {"max_waiting": 1024, "gpus": [0]})
    profile, cache = install([model], folder)
    env = {"PASSERELLE_PROFILE": str(profile), "PASSERELLE_BIND": "127.0.0.1"}
    if "PASSERELLE_ENVS_DIR" in os.environ:
        env["PASSERELLE_ENVS_DIR"] = os.environ["PASSERELLE_ENVS_DIR"]
    with running_product(folder, cache_dir=cache, env=env) as product:
        begin = time.monotonic()
        response = httpx.post(
            f"{product.base_url}/api/admin/models/qwen/load", json={"wait": True}, timeout=START_SECONDS
        )
        if response.status_code != 200 or product.model()["state"] != "MODEL_STATE_READY":
            raise RuntimeError(f"qwen ne s'est pas chargé : {response.text}")
        print(f"passerelle : qwen prêt en {time.monotonic() - begin:.0f} s", flush=True)
        yield product


def names(product: Product) -> dict[str, int]:
    """Processus du produit, par rôle."""
    found: dict[str, int] = {}
    for process in product.processes():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "server" in command:
            role = command[command.index("server") + 1]
            index = command[command.index("--index") + 1] if "--index" in command else ""
            found[f"{role}{index}"] = process.pid
        elif command and "envoy" in command[0]:
            found["envoy"] = process.pid
        elif "EngineCore" in " ".join(command):
            found["EngineCore"] = process.pid
    return found


def _bare_names(pid: int) -> Mapping[str, int]:
    found = {"serveur d'API": pid}
    for child in psutil.Process(pid).children(recursive=True):
        if "EngineCore" in " ".join(child.cmdline()):
            found["EngineCore"] = child.pid
    return found


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
