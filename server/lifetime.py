"""Le lien d'un enfant avec le superviseur : il s'arrête s'il le demande ou disparaît, et lui donne signe de vie."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

PARENT_FD_VARIABLE = "PASSERELLE_PARENT_FD"
"""Variable qui porte le numéro du descripteur hérité : un tube dont le superviseur tient l'autre extrémité."""

BEAT_FD_VARIABLE = "PASSERELLE_BEAT_FD"
"""Variable qui porte le descripteur où battre ; absente, personne n'écoute."""

BEAT_SECONDS = 0.5
"""Période des battements."""

STOPPING = "stopping"
"""Fichier du dossier des prises, une fois l'arrêt du serveur demandé : les secondes qu'il avait mises à être prêt."""


def away_seconds(run_dir: Path) -> float:
    """Secondes avant de revenir, dites à qui l'arrêt d'un processus coupe ; plus d'une si tout le serveur s'arrête."""
    try:
        return float((run_dir / STOPPING).read_text())
    except (OSError, ValueError):
        return 1.0


def stop_signals() -> asyncio.Event:
    """Événement que mettent SIGTERM et SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def child_life() -> asyncio.Event:
    """Bat dès à présent ; l'événement rendu est mis par SIGTERM, SIGINT ou la disparition du parent."""
    loop, stop = asyncio.get_running_loop(), stop_signals()

    def parent_gone() -> None:
        # La boucle a pu finir entre-temps.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    watch_parent(parent_gone)
    Heart().start()
    return stop


def watch_parent(on_gone: Callable[[], None]) -> None:
    """Appelle `on_gone`, dans un fil à part, quand le parent a disparu ; sans effet hors du superviseur."""
    descriptor = _inherited(PARENT_FD_VARIABLE)
    if descriptor is None:
        return

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        on_gone()

    threading.Thread(target=wait, name="parent", daemon=True).start()


class Heart:
    """Bat depuis la boucle d'un enfant : une boucle bloquée, ou un processus figé, se tait."""

    def __init__(self) -> None:
        """Retient le descripteur hérité, à l'abri des petits-enfants."""
        self._descriptor = _inherited(BEAT_FD_VARIABLE)
        if self._descriptor is not None:
            os.set_blocking(self._descriptor, False)

    def start(self) -> None:
        """Bat jusqu'à la fin de la boucle ; sans effet si personne n'écoute."""
        if self._descriptor is None:
            return
        # Un tube plein est celui d'un superviseur en retard ; un tube rompu, celui d'un superviseur mort.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._descriptor, b".")
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self.start)


def _inherited(variable: str) -> int | None:
    text = os.environ.pop(variable, "")
    if not text:
        return None
    descriptor = int(text)
    # Un petit-enfant qui hériterait du descripteur n'aurait pas de quoi s'en servir.
    os.set_inheritable(descriptor, False)
    return descriptor
