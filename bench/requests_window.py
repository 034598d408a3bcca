"""Ce que la fenêtre des requêtes coûte à un front, par requête : la note, ses étapes, son lot et ses octets.

    python -m bench.requests_window [--rounds 20]

Le parcours d'un flux, appels du vrai code compris (`server/rpc/notes.py`, `server/front/reports.py`), sans gRPC ni moteur ;
une requête est dite deux fois : en cours, puis finie. Temps de processeur d'une requête, meilleure série.
"""

import argparse
import asyncio
import time

import grpc.aio
from passerelle.v1 import requests_pb2

from bench.load import machine
from server.front.chat.counts import is_count, take_counts
from server.front.reports import RequestReports
from server.front.told import chat_told
from server.rpc.notes import Note, client_address, note

COUNT = 1_000
ASKED = {"messages": [], "max_tokens": 64, "temperature": 0.2, "response_format": {"type": "json_object"}}
METADATA = (
    *((f"x-entete-{index}", "valeur") for index in range(12)),
    ("x-passerelle-client", "192.0.2.7"),
)
USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"qwen","choices":[],'
    b'"usage":{"prompt_tokens":12,"total_tokens":76,"completion_tokens":64}}\n\n'
)


def lead(reports: RequestReports, kept: list[Note]) -> None:
    """Mène des requêtes jusqu'à leur premier jeton."""
    for index in range(COUNT):
        found = Note(requests_pb2.REQUEST_SORT_CHAT, f"requete-{index}", client_address(METADATA), time.monotonic())
        note.set(found)
        found.key = "k0"
        reports.started(found)
        found.options = chat_told(ASKED)
        found.model, found.asked = "qwen", time.monotonic()
        found.advance()
        found.sent, found.replicas = time.monotonic(), ("qwen-0",)
        found.advance()
        kept.append(found)


def end(reports: RequestReports, kept: list[Note]) -> None:
    """Les finit."""
    for found in kept:
        if is_count(USAGE):
            take_counts(found, USAGE)
        found.last = found.ended = time.monotonic()
        found.status = "OK"
        reports.finished(found)


def tell(reports: RequestReports) -> int:
    """Écrit les lots ; rend leurs octets."""
    size, reports._news_ready = 0, True
    while (batch := reports._batch()) is not None:
        size += len(batch.SerializeToString())
    return size


async def measure(rounds: int) -> None:
    """Écrit la mesure."""
    channel = grpc.aio.insecure_channel("unix:/nulle-part")
    best, size = float("inf"), 0
    for _ in range(rounds):
        reports, kept = RequestReports(channel, "front-0", 2 * COUNT), list[Note]()
        begin = time.process_time()
        lead(reports, kept)
        for found in kept:
            found.first = time.monotonic()
            found.advance()
        size = tell(reports)
        end(reports, kept)
        size += tell(reports)
        best = min(best, time.process_time() - begin)
    await channel.close()
    print(machine())
    print(f"{best / COUNT * 1e6:.1f} µs et {size / COUNT:.0f} octets par requête ({COUNT} requêtes, {rounds} séries)")


def main() -> None:
    """Lit les options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
