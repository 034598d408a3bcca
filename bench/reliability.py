"""La tenue du produit : une charge mêlée au-delà de sa capacité, des pannes tour à tour, et des octets hostiles au port public.

`python -m bench.reliability [--minutes 30] [--inputs 100000] [--parts load hostile …] [--period 60] [--seed 1]`. Écrit des tableaux,
et sort en erreur si une requête est perdue, si une sonde ne répond plus, si un processus enfle ou si une entrée hostile fait une
erreur interne.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import shortages
from bench.faults import FAULTS
from bench.load import machine, percentile
from tests.support.load import KINDS, Kind, Load, Outcome, describe, get
from tests.support.parts import FORGIVEN, MODELS, PARTS, recovery, strike
from tests.support.product import ROOT, Product, running_product
from tests.support.vitals import Vitals, roles

BUSY = frozenset({"QUEUE_FULL"})
"""Refus qu'une file pleine fait aussitôt : la requête n'est pas perdue, elle est à reposer."""
CROWD: Mapping[str, Kind] = {
    **KINDS,
    "chat": replace(KINDS["chat"], pause=0.0, clients=24),
    "transcribe": replace(KINDS["transcribe"], pause=0.5, clients=2),
    "live": replace(KINDS["live"], pause=0.5, clients=2),
    "health": Kind(get("/healthz"), 0.2),
    "ready": Kind(get("/readyz"), 0.5, front=False),
}
WATCHED = ("health", "ready", "models", "status", "page")
"""Ce dont la latence est donnée : rien n'y attend un modèle."""
RECOVERY_SECONDS = 180.0
AFTER_SECONDS = 5.0
"""Après le retour d'une partie, ce qui avait commencé sans elle peut encore échouer."""


JUDGED_SECONDS = 120.0
"""Suivi plus court : la pente est écrite, sans être jugée."""
FLAT_BYTES, FLAT_DESCRIPTORS, FLAT_THREADS = 4 * 2**20, 2.0, 1.0
"""Par minute ; au-delà, un processus enfle."""
CACHES: Mapping[str, int] = {"qwen": 256 * 2**20}
"""Octets qu'un cache borné du profil peut encore prendre à un processus relancé depuis peu (`prompt_cache_mib`)."""


@dataclass(frozen=True)
class Strike:
    """Une panne, de son début au retour du service."""

    part: str
    sign: signal.Signals
    begin: float
    seconds: float

    def explains(self, outcome: Outcome) -> bool:
        """Vrai si cette panne peut avoir fait échouer cette requête."""
        kinds, reasons = FORGIVEN[self.part]
        # La sonde de santé passe par un front comme la liste des modèles ; celle de préparation dépend de tous.
        kind = {"health": "models"}.get(outcome.kind, outcome.kind)
        during = outcome.started <= self.begin + self.seconds + AFTER_SECONDS and outcome.ended >= self.begin
        return during and (outcome.kind == "ready" or (kind in kinds and outcome.reason in reasons))


def main(arguments: Sequence[str]) -> int:
    """Joue les parties demandées ; rend le code de sortie."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="durée de la charge mêlée")
    parser.add_argument(
        "--period", type=float, default=60.0, help="secondes d'une panne à la suivante ; 0 : aucune panne"
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="octets hostiles : nombre d'entrées")
    parser.add_argument("--examples", type=int, default=2000, help="lecteurs : tirages de chaque essai")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=list(PLAYED), default=list(PLAYED))
    options = parser.parse_args(arguments)
    print(f"{machine()}\n", flush=True)
    failed = [part for part in options.parts if PLAYED[part](options)]
    print(f"\nNe tient pas : {', '.join(failed)}." if failed else "\nTout a tenu.")
    return int(bool(failed))


def load(options: argparse.Namespace) -> bool:
    """Charge mêlée et pannes ; vrai si une requête est perdue, ou si un processus enfle."""
    env = {"PASSERELLE_FRONTS": "2", "PASSERELLE_WATCHDOG_SECONDS": "4"}
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder), env=env) as product:
        for key in MODELS:
            product.ensure_ready(key)
        with Load(product, CROWD) as crowd:
            crowd.wait_success(120)
            with Vitals(product) as vitals:
                strikes = list(struck(product, time.monotonic() + options.minutes * 60, options.period))
    lost = [o for o in crowd.record if o.reason and o.reason not in BUSY and not any(s.explains(o) for s in strikes)]
    outcomes(crowd.record, lost)
    latencies("Latence sous la charge", crowd.record)
    refused = [o.ended - o.started for o in crowd.record if o.reason in BUSY]
    if refused:
        row("Réponse 429", refused)
    recoveries(strikes)
    rising = slopes(vitals)
    if lost:
        print(f"\nPerdues :\n{describe(lost)}")
    return bool(lost or rising)


def struck(product: Product, end: float, period: float) -> Iterable[Strike]:
    """Une panne par période, partie après partie, tuée puis figée, jusqu'à l'échéance."""
    faults = itertools.cycle([(part, sign) for sign in FAULTS for part in PARTS])
    while time.monotonic() < end:
        time.sleep(max(0.0, min(period or end, end - time.monotonic())))
        if time.monotonic() >= end:
            return
        part, sign = next(faults)
        begin = time.monotonic()
        recovery(product, part, strike(product, part, sign), RECOVERY_SECONDS)
        yield Strike(part, sign, begin, time.monotonic() - begin)


def outcomes(record: Sequence[Outcome], lost: Sequence[Outcome]) -> None:
    """Sort des requêtes, par genre."""
    told, gone = Counter((o.kind, o.reason) for o in record), Counter(o.kind for o in lost)
    print("| requêtes | menées | réussies | 429 | touchées par une panne | perdues |\n|---|---|---|---|---|---|")
    for kind in CROWD:
        total = sum(count for (name, _), count in told.items() if name == kind)
        good, busy = told[kind, ""], sum(told[kind, reason] for reason in BUSY)
        print(f"| {kind} | {total} | {good} | {busy} | {total - good - busy - gone[kind]} | {gone[kind]} |")


def latencies(title: str, record: Sequence[Outcome]) -> None:
    """Latence de ce qui n'attend aucun modèle."""
    print(f"\n| {title} | p50 | p95 | max |\n|---|---|---|---|")
    for kind in WATCHED:
        if found := [o.ended - o.started for o in record if o.kind == kind and not o.reason]:
            row(kind, found)


def row(name: str, seconds: list[float]) -> None:
    """Une ligne de latences, en millisecondes."""
    cells = (percentile(seconds, 0.5), percentile(seconds, 0.95), max(seconds))
    print(f"| {name} | " + " | ".join(f"{1000 * value:.0f} ms" for value in cells) + " |")


def recoveries(strikes: Sequence[Strike]) -> None:
    """Temps de retour de chaque partie."""
    found: dict[tuple[str, signal.Signals], list[float]] = defaultdict(list)
    for one in strikes:
        found[one.part, one.sign].append(one.seconds)
    print("\n| retour | panne | nombre | p50 | p95 |\n|---|---|---|---|---|")
    for (part, sign), seconds in found.items():
        cells = f"{percentile(seconds, 0.5):.1f} s | {percentile(seconds, 0.95):.1f} s"
        print(f"| {part} | {FAULTS[sign]} | {len(seconds)} | {cells} |")


def slopes(vitals: Vitals) -> list[str]:
    """Écrit la pente de chaque processus ; rend ceux qui enflent."""
    rising = []
    print("\n| processus | suivi | mémoire | descripteurs | fils |\n|---|---|---|---|---|")
    for role, one in vitals.slopes().items():
        memory = f"{one.memory / 1024:+.0f} Kio/min"
        print(f"| {role} | {one.seconds:.0f} s | {memory} | {one.descriptors:+.2f}/min | {one.threads:+.2f}/min |")
        swollen = one.memory > FLAT_BYTES and one.grown > CACHES.get(role, 0)
        steep = swollen or one.descriptors > FLAT_DESCRIPTORS or one.threads > FLAT_THREADS
        if one.seconds >= JUDGED_SECONDS and steep:
            rising.append(role)
    if rising:
        print(f"\nEnflent : {', '.join(rising)}.")
    return rising


def hostile(options: argparse.Namespace) -> bool:
    """Octets hostiles au port public ; vrai si quelqu'un d'autre en souffre, ou si une entrée fait une erreur interne."""
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder)) as product:
        for key in MODELS:
            product.ensure_ready(key)
        before = {role: process.pid for role, process in roles(product).items()}
        watched = {name: CROWD[name] for name in WATCHED} | {"chat": KINDS["chat"]}
        with Load(product, watched) as control, Vitals(product) as vitals:
            command = [sys.executable, "-m", "tests.support.hostile_port", str(product.port), "--seconds", "86400"]
            command += ["--inputs", str(options.inputs), "--seed", str(options.seed)]
            told: dict[str, Any] = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
        restarted = {role for role, process in roles(product).items() if before.get(role) != process.pid}
    print("\n| octets hostiles | entrées |\n|---|---|")
    for family, count in told["inputs"].items():
        print(f"| {family} | {count} |")
    latencies("Latence sous les octets hostiles", control.record)
    rising = slopes(vitals)
    failed = [o for o in control.record if o.reason]
    print(f"\nSans réponse aux autres : {len(failed)} ; processus relancés : {len(restarted)} ; ", end="")
    print(f"erreurs internes : {len(told['internal'])}\n{describe(failed)}")
    for name, example in told["internal"].items():
        print(f"{name} : {example}")
    return bool(failed or restarted or told["internal"] or rising)


def readers(options: argparse.Namespace) -> bool:
    """Les essais d'hypothesis de nos lecteurs, avec d'autres tirages et beaucoup plus ; vrai si l'un échoue."""
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=0", "-p", "no:cacheprovider"]
    command += sorted(str(path) for path in (ROOT / "tests" / "unit").glob("test_hostile_*.py"))
    env = {**os.environ, "HOSTILE_EXAMPLES": str(options.examples)}
    print(f"\nLecteurs : {options.examples} tirages par essai.", flush=True)
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode != 0


PLAYED = {
    "load": load,
    "hostile": hostile,
    "readers": readers,
    "descriptors": shortages.descriptors,
    "disk": shortages.disk,
    "hub": shortages.hub,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
