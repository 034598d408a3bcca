"""Les parties d'un produit en marche, à tuer ou à figer, et le signe de leur retour."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
import psutil

from server.supervisor.envoy_admin import healthy_fronts
from tests.support.load import CUT, KINDS
from tests.support.product import Product
from tests.support.tls import SSL

MODELS = ("qwen", "canary", "pyannote")


@dataclass(frozen=True)
class Part:
    """Une partie du produit."""

    pid: Callable[[Product], int]
    """Processus présent ; 0 s'il n'y en a pas."""
    serves: Callable[[Product], bool]
    """Vrai si elle rend son service."""


def by_argument(*words: str) -> Callable[[Product], int]:
    """Processus dont la commande finit par ces mots."""

    def pid(product: Product) -> int:
        for process in product.processes():
            try:
                if tuple(process.cmdline()[-len(words) :]) == words:
                    return process.pid
            except psutil.Error:
                continue
        return 0

    return pid


def envoy_pid(product: Product) -> int:
    """Processus d'Envoy."""
    for process in product.processes():
        try:
            if process.name() == "envoy":
                return process.pid
        except psutil.Error:
            continue
    return 0


def _answers(path: str) -> Callable[[Product], bool]:
    def serves(product: Product) -> bool:
        try:
            return httpx.get(product.base_url + path, timeout=2, verify=SSL).status_code == 200
        except httpx.TransportError:
            return False

    return serves


def _front(name: str) -> Part:
    def serves(product: Product) -> bool:
        # Le superviseur retire la prise d'un mort : Envoy, lui, peut le croire vivant une seconde de plus.
        path = product.run_dir / f"{name}.sock"
        healthy = healthy_fronts(product.run_dir / "envoy-admin.sock")
        return path.exists() and str(path) in healthy and _answers("/v1/models")(product)

    return Part(by_argument("front", "--index", name.removeprefix("front-")), serves)


def _worker(key: str) -> Part:
    def serves(product: Product) -> bool:
        try:
            return bool(product.model(key)["state"] == "MODEL_STATE_READY")
        except httpx.HTTPError:
            return False

    return Part(by_argument("worker", "--key", key, "--replica", "0"), serves)


PARTS: Mapping[str, Part] = {
    "envoy": Part(envoy_pid, _answers("/healthz")),
    "control": Part(by_argument("control"), _answers("/api/admin/status")),
    "front-1": _front("front-1"),
    "dashboard": Part(by_argument("dashboard"), _answers("/")),
    **{key: _worker(key) for key in MODELS},
}
"""Parties d'un produit à deux fronts."""

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


def strike(product: Product, part: str, sign: signal.Signals) -> int:
    """Tue ou fige une partie ; rend son identifiant."""
    pid = PARTS[part].pid(product)
    assert pid, f"{part} n'est pas là"
    os.kill(pid, sign)
    return pid


def recovery(product: Product, part: str, struck: int, seconds: float) -> float:
    """Attend qu'un autre processus rende le service ; rend les secondes passées.

    Raises:
        AssertionError: rien n'est revenu à temps.
    """
    started = time.monotonic()
    while time.monotonic() < started + seconds:
        if PARTS[part].pid(product) not in (0, struck) and PARTS[part].serves(product):
            return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError(f"{part} n'est pas revenu en {seconds:g} s\n{product.log.read_text(errors='replace')[-4000:]}")
