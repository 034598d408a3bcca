"""Le regroupement des trames d'un flux : le grand levier du chemin chaud.

Écrire un message coûte à grpc.aio la même chose quelle que soit sa taille. La première trame part aussitôt ; ensuite,
ce qui arrive pendant une écriture ou dans la fenêtre (`window.py`) part en un seul message. Elle ne met aucun minuteur
par flux : la liaison ne réveille un flux, à l'arrivée d'une étape du moteur, que si sa fenêtre est écoulée ou si sa
réponse est finie (`LinkCall.hold`), et tous les réveils d'une étape ont lieu au même tour de boucle. Un balayage commun
reprend ce qu'un moteur à l'arrêt laisserait attendre.
"""

import asyncio
import time
from typing import Protocol

from server.front.chat.window import Window

_SWEEP_SECONDS = 0.0125
"""Période du balayage, au plus : il mesure aussi ce que la fenêtre doit être."""
_STALLED_WINDOWS = 1.0
"""Fenêtres écoulées en plus de la sienne avant qu'un flux soit repris par le balayage."""


class Held(Protocol):
    """Réponse dont le réveil peut être retenu."""

    def hold(self, until: float) -> None:
        """Retient le prochain réveil jusqu'à cet instant, sauf fin ou échec."""

    def release(self) -> None:
        """Réveille la lecture en attente s'il y a quelque chose à lire."""


class Coalescer:
    """Fenêtre de regroupement commune à tous les flux d'un front."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._held: dict[Held, float] = {}

    def hold(self, call: Held) -> None:
        """Retient la suite d'une réponse dont un lot vient d'être lu ; sans fenêtre, elle n'attend rien."""
        window = self._window.seconds
        if window:
            until = time.monotonic() + window
            call.hold(until)
            self._held[call] = until + _STALLED_WINDOWS * window

    def forget(self, call: Held) -> None:
        """Oublie une réponse finie ou abandonnée."""
        self._held.pop(call, None)

    async def sweep(self) -> None:
        """Mesure la fenêtre et reprend les flux dont les trames attendent trop, jusqu'à l'annulation."""
        if not self._window.longest:
            return
        period = min(self._window.longest / 2, _SWEEP_SECONDS)
        now = time.monotonic()
        while True:
            due = now + period
            await asyncio.sleep(period)
            now = time.monotonic()
            self._window.measure(now - due)
            for call, late in self._held.items():
                if now >= late:
                    call.release()
