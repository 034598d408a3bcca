"""Ce que les mesures coûtent : à un front par appel, au plan de contrôle par requête finie, et une lecture de la page.

    python -m bench.measures [--rounds 20]

À plusieurs processus (`PROMETHEUS_MULTIPROC_DIR`), comme le produit ; temps de processeur, meilleure série.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable

from passerelle.v1 import requests_pb2

COUNT = 10_000
MODELS, KEYS = 4, 64


def best(rounds: int, work: Callable[[], object], count: int) -> float:
    """Microsecondes de processeur par unité, de la meilleure série."""
    found = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        work()
        found = min(found, time.process_time() - begin)
    return found / count * 1e6


def measure(rounds: int) -> None:
    """Écrit les mesures."""
    from bench.load import machine
    from server.control.measures.keys import KeyLabels
    from server.control.measures.requests import RequestMeasures
    from server.rpc.metrics import RpcMetrics, expose, process_registry

    registry = process_registry(4 * 1024 * 1024)
    rpc, requests = RpcMetrics(registry), RequestMeasures(registry, KeyLabels(KEYS))
    method = "/passerelle.v1.RestService/CreateChatCompletion"

    def calls(code: str, reason: str) -> Callable[[], None]:
        def work() -> None:
            for _ in range(COUNT):
                rpc.started(method)
                rpc.finished(method, code, 0.3, reason)

        return work

    ended = [
        requests_pb2.Request(
            model=f"modele-{index % MODELS}",
            key=f"psl_{index % KEYS}",
            sort=requests_pb2.REQUEST_SORT_CHAT,
            status="OK",
            tokens_in=12,
            tokens_out=64,
            asked=0.001,
            sent=0.002,
            first=0.1 + index % 7 / 100,
            last=1.0,
            ended=1.1,
        )
        for index in range(COUNT)
    ]
    # Hors d'une boucle, chaque ajout serait versé aussitôt : le produit, lui, verse quatre fois par seconde.
    for tallies in (rpc.pour.__self__, requests.pour.__self__):  # type: ignore[attr-defined]
        tallies._due = True
    print(machine())
    print(f"front, par appel réussi : {best(rounds, calls('OK', ''), COUNT):.2f} µs")
    print(f"front, par appel refusé : {best(rounds, calls('UNAVAILABLE', 'QUEUE_FULL'), COUNT):.2f} µs")
    print(f"plan de contrôle, par requête finie : {best(rounds, lambda: requests.take(ended), COUNT):.2f} µs")

    def pour() -> None:
        requests.take(ended[:KEYS])
        requests.pour()

    print(f"plan de contrôle, un versement : {best(rounds, pour, 1):.0f} µs")
    print(f"la page ({len(expose(registry))} octets) : {best(rounds, lambda: expose(registry), 1) / 1000:.1f} ms")


def main() -> None:
    """Lit les options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        # Avant l'import de prometheus_client, qui choisit alors où il compte.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        measure(rounds)


if __name__ == "__main__":
    main()
