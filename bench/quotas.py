"""Ce qu'un quota coûte à un front, par requête : rien de posé, puis toutes les limites d'une conversation.

    python -m bench.quotas [--rounds 50]

Le vrai code (`server/front/quotas/`), sans gRPC ni moteur : place, requête, jetons réservés puis réglés, en-têtes. Le bail
est pris d'avance, comme dans la marche ordinaire. Temps de processeur d'une requête, meilleure série de mille.
"""

import argparse
import asyncio
import time

import grpc.aio
from passerelle.v1 import requests_pb2

from bench.load import machine
from server.domain import Limits
from server.front.quotas.leases import Leases
from server.front.quotas.tickets import FrontQuotas
from server.quotas import Quota
from server.rpc.caller import Caller
from server.rpc.notes import Note
from server.rpc.quotas import ticket

COUNT = 1_000
FEW = Quota(requests_per_minute=10**6)
USUAL = Quota(requests_per_minute=10**6, tokens_per_minute=10**9)
ALL = Quota(
    requests_per_minute=10**6,
    tokens_per_minute=10**9,
    tokens_per_day=10**12,
    tokens_per_month=10**13,
    parallel_requests=100,
)
CASES = {
    "sans quota": None,
    "requêtes": FEW,
    "requêtes et jetons par minute": USUAL,
    "cinq limites": ALL,
}


async def one(quotas: FrontQuotas, who: Caller, found: Note) -> None:
    """Ce qu'une requête fait de son quota."""
    held = quotas.open(who)
    if held is not None:
        ticket.set(held)
        await held.enter()
    if (reserved := ticket.get()) is not None:
        await reserved.reserve(200, 256)
        reserved.headers()
    if held is not None:
        held.leave(found)
        ticket.set(None)


async def series(quota: Quota | None) -> float:
    """Secondes de processeur d'une série."""
    channel = grpc.aio.insecure_channel("unix:/nulle-part")
    leases, who = Leases(channel, Limits()), Caller("psl_4k7d2m9qab", keyed=True, quota=quota)
    for stock in leases.stocks(who.id, quota).every if quota is not None else ():
        stock.put(time.time(), stock.limit // 2)
        stock.held = stock.limit // 2
        stock.used, stock.reset_at = stock.limit // 2, time.time() + 60
    quotas = FrontQuotas(leases, Limits().quota_unstated_tokens)
    found = Note(requests_pb2.REQUEST_SORT_CHAT, "r", "192.0.2.7", 0.0)
    found.tokens_in, found.tokens_out, found.status = 180, 64, "OK"
    begin = time.process_time()
    for _ in range(COUNT):
        await one(quotas, who, found)
    spent = time.process_time() - begin
    await channel.close()
    return spent


async def measure(rounds: int) -> None:
    """Écrit les mesures."""
    print(machine())
    for name, quota in CASES.items():
        best = min([await series(quota) for _ in range(rounds)])
        print(f"{name} : {best / COUNT * 1e6:.2f} µs par requête ({COUNT} requêtes, {rounds} séries)")


def main() -> None:
    """Lit les options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
