"""Un exemplaire ne parle à personne d'autre que cette machine : ni en s'ouvrant, ni en servant."""

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.support import audio_files
from tests.support.product import Product

SPEECH = (audio_files.DATA / "en" / "austen-0870.wav").read_bytes()
MODELS = ("qwen", "canary", "pyannote")


def test_no_process_reaches_beyond_this_machine(product: Product) -> None:
    for key in MODELS:
        product.ensure_ready(key)
        product.admin("unload", key, wait=True).raise_for_status()
    with watching(product) as seen:
        for key in MODELS:
            product.admin("load", key, wait=True).raise_for_status()
        with product.http(timeout=180) as http:
            body = {"model": "qwen", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
            http.post("/v1/chat/completions", json=body).raise_for_status()
            for route in ("/api/audio/transcribe", "/api/diarization/process"):
                http.post(route, content=SPEECH, headers={"content-type": "audio/wav"}).raise_for_status()
    workers = {one for one in seen if one[0] == "worker"}
    assert len({pid for _, pid, *_ in workers}) >= len(MODELS), seen
    # llama.cpp écoute sur la boucle locale, derrière une clé que personne ne connaît ; aucun exemplaire n'appelle personne.
    assert {remote for *_, remote in workers} == {""}
    assert not {one for one in seen if not all(address == "" or is_ours(address) for address in one[2:])}


def test_a_worker_is_told_to_stay_offline(product: Product) -> None:
    product.ensure_ready()
    workers = [process.environ() for process in product.processes() if role(process) == "worker"]
    assert workers and all(one["HF_HUB_OFFLINE"] == one["DO_NOT_TRACK"] == "1" for one in workers)


@contextmanager
def watching(product: Product) -> Iterator[set[tuple[str, int, str, str]]]:
    """Rôle, processus, adresse d'ici et de là-bas de toute prise réseau vue pendant le bloc ; vides, faute de prise."""
    seen: set[tuple[str, int, str, str]] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for process in product.processes():
                try:
                    seen.add((role(process), process.pid, "", ""))
                    for one in process.net_connections("inet"):
                        remote = one.raddr.ip if one.raddr else ""
                        seen.add((role(process), process.pid, one.laddr.ip if one.laddr else "", remote))
                except psutil.Error:
                    continue  # il vient de finir
            stop.wait(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def role(process: psutil.Process) -> str:
    """Rôle d'un processus du produit : `worker`, `control`, `front` ; son programme pour les autres."""
    command = process.cmdline()
    return command[3] if command[1:3] == ["-m", "server"] else " ".join(command[:1])


def is_ours(address: str) -> bool:
    """Vrai pour une adresse de la boucle locale."""
    return ipaddress.ip_address(address).is_loopback
