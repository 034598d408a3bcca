"""Une part courte de `bench.reliability` : rien de perdu, rien d'interrompu, rien qui enfle, sous ce que le port peut recevoir de pire."""

import json
import statistics
import subprocess
import sys
from dataclasses import replace
from typing import Any

from tests.support.load import KINDS, Kind, Load, Outcome, describe, get, transcribe
from tests.support.product import ROOT, Product, wait_until
from tests.support.shortages import starved
from tests.support.vitals import Vitals, roles

CONTROL = {name: KINDS[name] for name in ("models", "status", "page", "chat")}
"""Ce qui doit continuer."""
SECONDS = 8.0


def lasting(outcomes: list[Outcome]) -> float:
    """Durée médiane de ces requêtes."""
    return statistics.median(outcome.ended - outcome.started for outcome in outcomes)


def flat(vitals: Vitals) -> None:
    """Rien ne s'accumule : quelques connexions et quelques tampons, pas un par entrée."""
    for name, grown in vitals.growth().items():
        assert grown.descriptors <= 64 and grown.threads <= 32 and grown.memory <= 96 * 2**20, (name, grown)


def test_hostile_bytes_disturb_nobody(product: Product) -> None:
    for key in ("qwen", "canary", "pyannote"):
        product.ensure_ready(key)
    before = {role: process.pid for role, process in roles(product).items()}
    command = [sys.executable, "-m", "tests.support.hostile_port", str(product.port), "--seconds", str(SECONDS)]
    with Load(product, CONTROL) as load, Vitals(product) as vitals:
        load.wait_success(60)
        attack = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        load.wait_success(60)
    told: dict[str, Any] = json.loads(attack.stdout)
    failures = [outcome for outcome in load.record if outcome.reason]
    assert not failures, describe(load.record)
    assert {role: process.pid for role, process in roles(product).items()} == before
    assert sum(told["inputs"].values()) > 200 and len(told["inputs"]) == 7, told["inputs"]
    assert not told["internal"], told["internal"]
    flat(vitals)


def test_a_process_out_of_descriptors_says_so_and_nobody_else_suffers(product: Product) -> None:
    for key in ("qwen", "canary"):
        product.ensure_ready(key)
    found = roles(product)
    before = {role: process.pid for role, process in found.items()}
    kinds = CONTROL | {"ready": Kind(get("/readyz"), 0.2, front=False), "upload": Kind(transcribe, 0.2)}
    with Load(product, kinds) as load:
        load.wait_success(60)
        load.wait_settled(60)
        load.take()
        known = len(load.record)

        def tried() -> bool:
            seen = load.record[known:]
            return len(seen) >= 20 and any(one.reason for one in seen)

        with starved(found["control"]), starved(found["dashboard"]), starved(found["front-0"]):
            wait_until(tried, 60, "vingt requêtes, dont un refus")
        load.wait_settled(60)
        starving = load.take()
        load.wait_success(60)
    assert {role: process.pid for role, process in roles(product).items()} == before
    refused = {(one.kind, one.reason) for one in starving if one.reason}
    assert refused <= {
        ("status", "HOST_EXHAUSTED"),
        ("upload", "HOST_EXHAUSTED"),
        ("page", "HTTP_503"),
        ("ready", "HTTP_503"),
    }
    assert refused, describe(starving)


def test_more_callers_than_it_serves_are_told_so_at_once(product: Product) -> None:
    product.ensure_ready("qwen")
    crowd = CONTROL | {"chat": replace(KINDS["chat"], pause=0.0, clients=40)}
    with Load(product, crowd) as load, Vitals(product) as vitals:
        load.wait_success(60)
        load.wait_settled(60)
    refused = [outcome for outcome in load.record if outcome.reason == "QUEUE_FULL"]
    served = [outcome for outcome in load.record if outcome.kind == "chat" and not outcome.reason]
    # Sans attendre une place, comme ceux qui en ont eu une ; une machine chargée ralentit les uns et les autres.
    assert refused and lasting(refused) < lasting(served)
    assert not [o for o in load.record if o.reason and (o.kind != "chat" or o.reason != "QUEUE_FULL")], describe(
        load.record
    )
    flat(vitals)
