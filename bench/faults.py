"""Le temps de retour de chaque partie, tuée puis figée, sur un produit peu chargé.

`python -m bench.faults [--rounds 3] [--watchdog 4] [--parts envoy qwen …]`. Une partie est revenue à sa première réponse réussie après la
panne ; un exemplaire, quand son modèle est de nouveau prêt. Figée, elle n'est tuée qu'au terme du chien de garde.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.load import KINDS, Load
from tests.support.parts import MODELS, PARTS, recovery, strike
from tests.support.product import Product, running_product

RECOVERY_SECONDS = 180.0
LIGHT = ("chat", "models", "status", "page")
FAULTS = {signal.SIGKILL: "tuée", signal.SIGSTOP: "figée"}
Measure = tuple[str, signal.Signals]

SETTLE_SECONDS = 3.0
"""Temps laissé au chien de garde pour voir vivre ce qui vient d'être relancé : avant, la borne de démarrage (60 s) vaut."""


def main() -> None:
    """Joue toutes les pannes et écrit le tableau."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watchdog", type=float, default=4.0)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args()
    env = {"PASSERELLE_FRONTS": "2", "PASSERELLE_WATCHDOG_SECONDS": f"{options.watchdog:g}"}
    found: dict[Measure, list[float]] = {(part, sign): [] for part in options.parts for sign in FAULTS}
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder), env=env) as product:
        for key in MODELS:
            product.ensure_ready(key)
        with Load(product, {name: KINDS[name] for name in LIGHT}) as load:
            load.wait_success(60)
            for _ in range(options.rounds):
                for (part, sign), measures in found.items():
                    measures.append(one_fault(product, load, part, sign))
                    print(f"{part} {FAULTS[sign]} : {measures[-1]:.1f} s", file=sys.stderr, flush=True)
    print("| partie | panne | p50 (s) | max (s) |\n|---|---|---|---|")
    for (part, sign), seconds in found.items():
        print(f"| {part} | {FAULTS[sign]} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |")


def one_fault(product: Product, load: Load, part: str, sign: signal.Signals) -> float:
    """Secondes de la panne au retour ; rend ensuite le produit à son état de départ."""
    time.sleep(SETTLE_SECONDS)
    started = time.monotonic()
    struck = strike(product, part, sign)
    recovery(product, part, struck, RECOVERY_SECONDS)
    seconds = time.monotonic() - started
    if part in MODELS and sign == signal.SIGSTOP:
        # Un chargement demandé remet à zéro le compte des chutes, qui finirait par abandonner le modèle.
        for verb in ("unload", "load"):
            product.admin(verb, part, wait=True).raise_for_status()
    load.wait_success(60)
    return seconds


if __name__ == "__main__":
    main()
