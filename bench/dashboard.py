"""Le tableau de bord, servi, dans un vrai Chromium : premier chargement, délai de l'événement à l'écran, mémoire.

`python -m bench.dashboard [--parts load,lag,gpu,memory] [--rounds 10] [--minutes 60] [--speed 10]`. Écrit des tableaux. La page d'abord :
`cd dashboard && npm run build`.
"""

import argparse
import contextlib
import json
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import grpc
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from bench.load import percentile
from tests.support.gpu_product import GpuProduct, product_with_gpus
from tests.support.product import ROOT, Product, running_product

MAX_SPEED = 10.0
"""Au-delà, la période demandée passerait sous les 200 ms que le serveur admet."""
EVENTS = ("READY", "UNLOADING")
"""États dont l'entrée change le nombre de modèles prêts."""


def main() -> None:
    """Joue les mesures demandées et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="load,lag,gpu,memory")
    parser.add_argument(
        "--rounds", type=int, default=10, help="ouvertures à froid ; allers et retours des parties lag et gpu"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="flux simulé de la partie memory")
    parser.add_argument(
        "--speed", type=float, default=MAX_SPEED, help=f"accélération de ce flux, {MAX_SPEED:g} au plus"
    )
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    options = parser.parse_args()
    if not 1 <= options.speed <= MAX_SPEED:
        parser.error(f"--speed : {options.speed:g} est hors des limites (de 1 à {MAX_SPEED:g})")
    parts = options.parts.split(",")
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder)) as product:
        product.admin("download", wait=True).raise_for_status()
        if "load" in parts:
            load(product, options.chromium, options.rounds)
        if "lag" in parts:
            lag(product, options.chromium, options.rounds)
        if "memory" in parts:
            product.ensure_ready()
            memory(product, options.chromium, options.minutes, options.speed)
    if "gpu" in parts:
        with tempfile.TemporaryDirectory(prefix="banc-") as folder, product_with_gpus(Path(folder)) as machine:
            gpu_lag(machine, options.chromium, options.rounds)


def page(product: Product, chromium: str, *arguments: object) -> Any:
    """Résultat de `dashboard/bench/page.mjs`.

    Raises:
        SystemExit: la mesure a échoué.
    """
    command = ["node", "bench/page.mjs", product.base_url, chromium, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT / "dashboard", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout)


def load(product: Product, chromium: str, rounds: int) -> None:
    """Ce que la page lit, par genre, et temps jusqu'aux modèles, cache du navigateur vide puis plein."""
    found = [page(product, chromium, "load") for _ in range(rounds)]
    files = found[0]["files"]
    first = [file for file in files if file["at"] < found[0]["cold"]]
    print("\n| lu | fichiers | brut (Ko) | gzip (Ko) |\n|---|---|---|---|")
    for name, some in (("avant les modèles", first), ("puis d'avance, au repos", files)):
        for kind in sorted({file["kind"] for file in some}):
            print(_line(f"{kind}, {name} (cumul)", [file for file in some if file["kind"] == kind]))
        print(_line(f"**tout, {name} (cumul)**", some))
    print(f"\nDe la navigation aux modèles peints, {rounds} ouvertures, en millisecondes.\n")
    print("| cache du navigateur | p50 | max |\n|---|---|---|")
    for name, key in (("vide", "cold"), ("plein", "warm")):
        times = [one[key] for one in found]
        print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |", flush=True)


def _line(name: str, files: list[dict[str, Any]]) -> str:
    raw, sent = (sum(file[size] for file in files) / 1000 for size in ("raw", "sent"))
    return f"| {name} | {len(files)} | {raw:.0f} | {sent:.0f} |"


def lag(product: Product, chromium: str, rounds: int) -> None:
    """De l'instant que le serveur écrit dans son journal, ou de celui d'une requête, à l'image peinte."""
    seen = page(product, chromium, "lag", rounds)
    with sqlite3.connect(f"file:{state_file(product)}?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT at, state FROM transitions WHERE model = 'qwen' ORDER BY seq").fetchall()
    entered = [
        at for (at, state), (_, before) in zip(rows[1:], rows, strict=False) if state != before and state in EVENTS
    ]
    delays = [1000 * (shown["at"] - at) for shown, at in zip(seen, entered[-len(seen) :], strict=True)]
    product.ensure_ready()
    requests = page(product, chromium, "requests", rounds)
    _print_delays(
        {
            "état d'un modèle, du journal": delays,
            "requête, de son envoi ou de son abandon": [1000 * (one["at"] - one["asked"]) for one in requests],
        }
    )


def gpu_lag(bench: GpuProduct, chromium: str, rounds: int) -> None:
    """D'une mesure de GPU à l'image peinte : depuis que la sonde peut la lire, et depuis que le serveur la pousse."""
    pushed: dict[float, float] = {}
    with grpc.insecure_channel(bench.product.target) as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        stream = stub.WatchStatus(admin_pb2.WatchStatusRequest(), timeout=600)

        def follow() -> None:
            with contextlib.suppress(grpc.RpcError):
                for message in stream:
                    pushed.setdefault(message.status.gpus[5].utilization_percent, time.time())

        witness = threading.Thread(target=follow)
        witness.start()
        try:
            seen = page(bench.product, chromium, "gpu", rounds, bench.machine.path)
        finally:
            stream.cancel()
            witness.join()
    _print_delays(
        {
            "occupation d'un GPU, de son changement": [1000 * (one["at"] - one["asked"]) for one in seen],
            "la même, de l'envoi de la mesure": [1000 * (one["at"] - pushed[one["use"]]) for one in seen],
        }
    )


def _print_delays(found: dict[str, list[float]]) -> None:
    print("\nDe l'événement à l'écran, en millisecondes.\n")
    print("| événement | changements | p50 | p95 | max | but |\n|---|---|---|---|---|---|")
    for name, delays in found.items():
        middle, high = statistics.median(delays), percentile(delays, 0.95)
        print(f"| {name} | {len(delays)} | {middle:.0f} | {high:.0f} | {max(delays):.0f} | 500 |", flush=True)


def memory(product: Product, chromium: str, minutes: float, speed: float) -> None:
    """Mémoire de la page Machine, ramasse-miettes passé, au fil d'un flux accéléré."""
    found = page(product, chromium, "memory", minutes, speed)
    print(f"\nUn flux de {minutes:g} min, {speed:g} fois plus vite.\n")
    print("| minute | messages | points par courbe | tas (Mo) | nœuds | écouteurs |\n|---|---|---|---|---|---|")
    for one in found:
        heap = one["heap"] / 1e6
        print(
            f"| {one['minute']:.0f} | {one['messages']} | {one['points']} | {heap:.2f} | {one['nodes']} | {one['listeners']} |",
            flush=True,
        )


def state_file(product: Product) -> Path:
    """Journal du plan de contrôle."""
    return product.cache_dir / ".passerelle" / "journal.sqlite"


if __name__ == "__main__":
    main()
