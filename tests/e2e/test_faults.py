"""Les pannes : chaque partie est tuée, puis figée, sous une charge mêlée ; les autres continuent, elle revient seule.

Un seul produit, dont les modèles se chargent au départ ; le dernier essai l'arrête.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import psutil
import pytest

from tests.support.load import KINDS, Load, describe
from tests.support.parts import FORGIVEN, MODELS, PARTS, by_argument, recovery, strike
from tests.support.product import REAL_DRAIN, Product, running_product, sse_events, wait_until
from tests.support.tls import SSL

READY = "MODEL_STATE_READY"
RECOVERY_SECONDS = 120.0

SLOW = frozenset({"transcribe", "live", "diarize"})
"""Genres trop lents pour attendre une réussite de chacun après la panne d'une partie qui n'est pas leur modèle."""

QUICK = frozenset({"chat", "models", "status", "page"})
"""Genres dont une requête tient dans le temps d'une panne."""

STORY = {
    "model": "qwen",
    "messages": [{"role": "user", "content": "Tell a long story about the sea."}],
    "max_tokens": 160,
    "stream": True,
    "ignore_eos": True,
}


@dataclass(frozen=True)
class Rig:
    """Le produit sous sa charge, et ce qu'il était avant la première panne."""

    product: Product
    load: Load
    loaded: frozenset[str]
    """Modèles qu'il servait à peine prêt."""
    sockets: frozenset[str]
    processes: int
    front: psutil.Process
    """Le front qui n'est jamais visé."""
    front_fds: int
    front_memory: int


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, product: Product) -> Iterator[Rig]:
    for key in MODELS:
        if product.model(key)["state"] == "MODEL_STATE_UNAVAILABLE":
            assert product.admin("download", key, wait=True).status_code == 200
    env = {"PASSERELLE_FRONTS": "2", "PASSERELLE_WATCHDOG_SECONDS": "4", "PASSERELLE_THREADS": "1"}
    env |= {"LAZY_LOAD_MODELS": "false"} | REAL_DRAIN
    with running_product(tmp_path_factory.mktemp("f"), cache_dir=product.cache_dir, env=env) as running:
        loaded = frozenset(model["key"] for model in running.status()["models"] if model["state"] == READY)
        processes = len(running.processes())
        front = psutil.Process(by_argument("front", "--index", "0")(running))
        with Load(running) as load:
            # Ce qui s'ouvre une fois pour toutes l'est alors : connexions, liaisons, fils.
            load.wait_success(60, *KINDS.keys() - SLOW)
            memory = front.memory_info().rss
            yield Rig(running, load, loaded, sockets(running), processes, front, front.num_fds(), memory)


def sockets(product: Product) -> frozenset[str]:
    return frozenset(path.name for path in product.run_dir.glob("*.sock"))


def test_load_at_start(rig: Rig) -> None:
    assert rig.loaded == set(MODELS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["tue", "fige"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_comes_back_and_the_others_go_on(rig: Rig, part: str, sign: signal.Signals) -> None:
    affected, forgiven = FORGIVEN[part]
    product, load = rig.product, rig.load
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


def test_nothing_is_left_behind(rig: Rig) -> None:
    rig.load.stop()
    product, left = rig.product, rig.load.take()
    assert not [o for o in left if o.reason], describe(left)
    assert sockets(product) == rig.sockets
    assert list((product.run_dir / "spool").iterdir()) == []
    wait_until(lambda: len(product.processes()) == rig.processes, 60, "processus comme au départ")
    assert rig.front.num_fds() <= rig.front_fds + 16
    assert rig.front.memory_info().rss <= rig.front_memory + 64 * 1024 * 1024


def test_streams_in_flight_reach_their_end_at_ctrl_c(rig: Rig) -> None:
    rig.load.stop()
    product = rig.product

    def story() -> str:
        return httpx.post(f"{product.base_url}/v1/chat/completions", json=STORY, timeout=60, verify=SSL).text

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(story) for _ in range(3)]
        wait_until(lambda: product.model()["replicas"][0]["running_requests"] == 3, 60, "trois flux en cours")
        product.process.send_signal(signal.SIGINT)
        for answer in answers:
            assert sse_events(answer.result())[-1] == "[DONE]", answer.result()[-300:]
    assert product.process.wait(40) == 0
    assert not product.run_dir.exists()
