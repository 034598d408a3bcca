"""Les pannes : chaque partie est tuée, puis figée, sous une charge mêlée ; les autres continuent, elle revient seule."""

import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psutil
import pytest

from tests.support.load import CUT, KINDS, Load, describe
from tests.support.parts import MODELS, PARTS, by_argument, recovery, strike
from tests.support.product import Product, running_product, wait_until

RECOVERY_SECONDS = 120.0
GONE = frozenset({"CONTROL_UNAVAILABLE", "UNAVAILABLE"})
"""Ce qu'Envoy répond pour une partie absente : 503, ou UNAVAILABLE en gRPC."""

FORGIVEN: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    # Ses connexions tombent avec elle.
    "envoy": (frozenset(KINDS), GONE | {CUT}),
    "control": (frozenset({"status", "watch"}), GONE | {CUT}),
    # Une réponse commencée ne peut plus être finie : la connexion est coupée, jamais close comme si elle était entière.
    "front-1": (frozenset(name for name, kind in KINDS.items() if kind.front), GONE | {CUT}),
    "dashboard": (frozenset({"page"}), frozenset({"HTTP_503", CUT})),
    **{
        model: (frozenset(name for name, kind in KINDS.items() if kind.model == model), frozenset({"WORKER_LOST"}))
        for model in MODELS
    },
}
"""Par partie : les genres de requêtes qu'elle peut faire échouer, et les motifs admis."""


SLOW = frozenset({"transcribe", "live", "diarize"})
"""Genres trop lents pour attendre une réussite de chacun après la panne d'une partie qui n'est pas leur modèle."""

QUICK = frozenset({"chat", "models", "status", "page"})
"""Genres dont une requête tient dans le temps d'une panne."""


@dataclass(frozen=True)
class Bench:
    """Le produit sous sa charge, et ce qu'il était avant la première panne."""

    product: Product
    load: Load
    sockets: frozenset[str]
    processes: int
    front: psutil.Process
    """Le front qui n'est jamais visé."""
    front_fds: int
    front_memory: int


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    env = {"PASSERELLE_FRONTS": "2", "PASSERELLE_WATCHDOG_SECONDS": "4", "PASSERELLE_THREADS": "1"}
    with running_product(tmp_path_factory.mktemp("f"), env=env) as product:
        for key in MODELS:
            product.ensure_ready(key)
        processes = len(product.processes())
        front = psutil.Process(by_argument("front", "--index", "0")(product))
        with Load(product) as load:
            # Ce qui s'ouvre une fois pour toutes l'est alors : connexions, liaisons, fils.
            load.wait_success(60, *KINDS.keys() - SLOW)
            yield Bench(product, load, sockets(product), processes, front, front.num_fds(), front.memory_info().rss)


def sockets(product: Product) -> frozenset[str]:
    return frozenset(path.name for path in product.run_dir.glob("*.sock"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["tue", "fige"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_comes_back_and_the_others_go_on(bench: Bench, part: str, sign: signal.Signals) -> None:
    affected, forgiven = FORGIVEN[part]
    product, load = bench.product, bench.load
    others = {name: PARTS[name].pid(product) for name in PARTS if name != part}
    begin = time.monotonic()
    struck = strike(product, part, sign)
    end = begin + recovery(product, part, struck, RECOVERY_SECONDS)
    load.wait_settled(90, *affected)
    load.wait_success(120, *(affected - {"live"} if part in MODELS else affected - SLOW))
    outcomes = load.take()
    surprises = [o for o in outcomes if o.reason and (o.kind not in affected or o.reason not in forgiven)]
    assert not surprises, describe(outcomes)
    if sign == signal.SIGSTOP:
        # Figée, elle ne retient personne : les autres requêtes commencent et finissent pendant ce temps.
        during = {o.kind for o in outcomes if not o.reason and o.started >= begin and o.ended <= end}
        assert during >= QUICK - affected, describe(outcomes)
    # Personne d'autre n'est tombé ; relancer le plan de contrôle n'a rechargé aucun modèle.
    assert {name: PARTS[name].pid(product) for name in others} == others


def test_nothing_is_left_behind(bench: Bench) -> None:
    bench.load.stop()
    product, left = bench.product, bench.load.take()
    assert not [o for o in left if o.reason], describe(left)
    assert sockets(product) == bench.sockets
    assert list((product.run_dir / "spool").iterdir()) == []
    wait_until(lambda: len(product.processes()) == bench.processes, 20, "processus comme au départ")
    assert bench.front.num_fds() <= bench.front_fds + 16
    assert bench.front.memory_info().rss <= bench.front_memory + 64 * 1024 * 1024
