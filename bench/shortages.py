"""Ce qui manque à la machine pendant qu'elle sert : un disque plein, des descripteurs épuisés, un hub en panne.

Joué par `bench.reliability`. Chaque manque dure `SECONDS` sous une charge légère ; puis tout doit être rendu, sans qu'on touche à rien.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx

from tests.fakes.hub import Hub, serving_hub
from tests.support.load import CUT, KINDS, Kind, Load, Outcome, describe, get
from tests.support.parts import GONE, MODELS
from tests.support.product import ROOT, Product, running_product, wait_until
from tests.support.shortages import starved
from tests.support.vitals import roles

SECONDS = 10.0
DISK = "48m"
EMBEDDED = ROOT / "server" / "profiles" / "embarque.toml"
LIGHT: Mapping[str, Kind] = {
    name: replace(kind, clients=1, pause=max(kind.pause, 0.3)) for name, kind in KINDS.items()
} | {
    "health": Kind(get("/healthz"), 0.3),
    "ready": Kind(get("/readyz"), 0.5, front=False),
}
EXHAUSTED = frozenset({"HOST_EXHAUSTED"})
UPLOADS = frozenset({"transcribe", "diarize"})
ALL = frozenset(LIGHT)
TOLD: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "superviseur": (frozenset(), frozenset()),
    "control": (frozenset({"status", "watch", "ready"}), EXHAUSTED | {"HTTP_503"}),
    # 504 quand il ne peut pas même prendre la connexion d'Envoy, qui l'attend trente secondes.
    "dashboard": (frozenset({"page"}), frozenset({"HTTP_503", "HTTP_504"})),
    # Envoy ne survit pas à un `accept` impossible ; il est relancé, et ses connexions tombent avec lui.
    "envoy": (ALL, GONE | {CUT}),
    "front-0": (UPLOADS, EXHAUSTED),
    "front-1": (UPLOADS, EXHAUSTED),
    "qwen": (frozenset({"chat", "typed"}), EXHAUSTED),
    "canary": (frozenset({"transcribe", "live"}), EXHAUSTED),
    "pyannote": (frozenset({"diarize"}), EXHAUSTED),
}
"""Par processus à court de descripteurs : les genres de requêtes qui peuvent en souffrir, et les motifs admis."""

WEIGHTS, BYTES = "poids.bin", 3_000_000
HUB_MODEL = """
[[models]]
key = "du-hub"
display_name = "Du hub"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
[models.source]
kind = "hub"
repository = "essai/poids"
revision = "main"
"""


@contextmanager
def down(server: Hub) -> Iterator[None]:
    """Ne répond que 503."""
    server.down = True
    yield
    server.down = False


@contextmanager
def portal(server: Hub) -> Iterator[None]:
    """Le portail d'un réseau répond à sa place."""
    server.portal = True
    yield
    server.portal = False


@contextmanager
def cut(server: Hub) -> Iterator[None]:
    """Les premiers envois sont coupés après quelques octets ; le téléchargement reprend, et finit."""
    server.upset(WEIGHTS).cut_after = [1000] * 3
    yield
    server.trouble.clear()


@contextmanager
def wrong(server: Hub) -> Iterator[None]:
    """Ce qui est envoyé n'est pas le fichier annoncé."""
    server.upset(WEIGHTS).wrong = os.urandom(BYTES)
    yield
    server.trouble.clear()


TROUBLES = {"en panne": (down, 503), "un portail": (portal, 503), "faux": (wrong, 500), "coupé": (cut, 200)}
"""Ce qui arrive au hub, et le code de ce que reçoit qui a demandé le téléchargement."""


@contextmanager
def serving(folder: Path, env: Mapping[str, str]) -> Iterator[tuple[Product, Load]]:
    """Produit prêt, sous une charge légère qui réussit."""
    with running_product(folder, env=env) as product:
        for key in MODELS:
            product.ensure_ready(key)
        with Load(product, LIGHT) as crowd:
            crowd.wait_success(120)
            crowd.take()
            yield product, crowd


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Un disque que quelques mégaoctets remplissent."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def told(name: str, crowd: Load, suffered: list[Outcome], unexplained: list[Outcome]) -> bool:
    """Écrit une ligne, le retour de chaque genre compris ; vrai si une requête a souffert sans raison."""
    begin = time.monotonic()
    crowd.wait_success(120)
    seconds = time.monotonic() - begin
    crowd.take()
    refused = sum(1 for one in suffered if one.reason)
    print(f"| {name} | {len(suffered)} | {refused} | {len(unexplained)} | {seconds:.1f} s |", flush=True)
    if unexplained:
        print(describe(unexplained))
    return bool(unexplained)


def reason_of(answer: httpx.Response) -> str:
    """Motif d'une réponse d'administration."""
    return str(answer.json()["error"]["reason"]) if answer.status_code >= 400 else "réussi"


def descriptors(_options: argparse.Namespace) -> bool:
    """Chaque processus tour à tour à court de descripteurs ; vrai si une requête souffre sans raison."""
    print("\n| à court de descripteurs | requêtes | refusées | sans raison | retour |\n|---|---|---|---|---|")
    env = {"PASSERELLE_FRONTS": "2", "PASSERELLE_WATCHDOG_SECONDS": "6"}
    failed = False
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, serving(Path(folder), env) as (product, crowd):
        for role in TOLD:
            with starved(roles(product)[role]):
                time.sleep(SECONDS)
                crowd.wait_settled(120)
                suffered = crowd.take()
            kinds, reasons = TOLD[role]
            failed |= told(
                role,
                crowd,
                suffered,
                [o for o in suffered if o.reason and not (o.kind in kinds and o.reason in reasons)],
            )
    return failed


def disk(_options: argparse.Namespace) -> bool:
    """Le disque de l'état, des prises et des envois plein ; vrai si autre chose que les envois en souffre."""
    if os.geteuid() != 0:
        print("\nDisque plein : non joué (il faut pouvoir monter un tmpfs, donc être root).")
        return False
    print("\n| disque plein | requêtes | refusées | sans raison | retour |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, small_disk(Path(folder) / "petit") as small:
        env = {"PASSERELLE_STATE_DIR": str(small / "etat"), "PASSERELLE_RUN_BASE": str(small)}
        with serving(Path(folder), env) as (product, crowd):
            filled = small / "plein"
            with suppress(OSError), filled.open("wb", 0) as file:
                while True:
                    file.write(bytes(4096))
            time.sleep(SECONDS)
            # Un verbe d'administration va à son terme, ou dit ce qui manque.
            answers = [product.admin(verb, "pyannote", wait=True) for verb in ("unload", "load")]
            crowd.wait_settled(120)
            suffered = crowd.take()
            filled.unlink()
            product.ensure_ready("pyannote")
            refusable = EXHAUSTED | {"MODEL_LOAD_FAILED", "MODEL_LOADING", "SHUTTING_DOWN"}
            wrong = [o for o in suffered if o.reason and not (o.kind in UPLOADS and o.reason in refusable)]
            failed = told("état, prises, envois", crowd, suffered, wrong)
    mute = [a.text for a in answers if a.status_code != 200 and "octets" not in a.text]
    print(*(f"Refus qui ne dit pas ce qui manque : {text}" for text in mute), sep="\n")
    return failed or bool(mute)


def hub(_options: argparse.Namespace) -> bool:
    """Un hub qui coupe, se trompe, puis se tait ; vrai si quelqu'un d'autre en souffre, ou si le téléchargement ne finit pas."""
    print("\n| hub en panne | requêtes | refusées | sans raison | retour |\n|---|---|---|---|---|")
    server = Hub()
    server.add("essai/poids", {WEIGHTS: os.urandom(BYTES)})
    failed = False
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, serving_hub(server):
        profile = Path(folder) / "essai.toml"
        profile.write_text(EMBEDDED.read_text("utf-8") + HUB_MODEL, encoding="utf-8")
        env = {"PASSERELLE_PROFILE": str(profile), "HF_ENDPOINT": server.url, "HF_HOME": str(Path(folder) / "hf")}
        with serving(Path(folder), env) as (product, crowd):
            for name, (broken, status) in TROUBLES.items():
                with broken(server):
                    answer = product.admin("download", "du-hub", wait=True)
                    crowd.wait_settled(120)
                    suffered = crowd.take()
                failed |= told(f"{name} : {reason_of(answer)}", crowd, suffered, [o for o in suffered if o.reason])
                failed |= answer.status_code != status
            wait_until(lambda: product.model("du-hub")["state"] == "MODEL_STATE_CACHED", 60, "poids reçus")
    return failed
