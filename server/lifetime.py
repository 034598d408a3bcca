"""Survivre à son parent est un défaut : chaque enfant garde l'extrémité d'un tube dont le superviseur tient l'autre."""

import os
import threading
from collections.abc import Callable

PARENT_FD_VARIABLE = "PASSERELLE_PARENT_FD"
"""Variable qui porte le numéro du descripteur hérité."""


def watch_parent(on_gone: Callable[[], None]) -> None:
    """Appelle `on_gone`, dans un fil à part, quand le parent a disparu ; sans effet hors du superviseur."""
    text = os.environ.pop(PARENT_FD_VARIABLE, "")
    if not text:
        return
    descriptor = int(text)
    # Un petit-enfant qui hériterait du descripteur n'aurait pas de quoi le lire.
    os.set_inheritable(descriptor, False)

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        on_gone()

    threading.Thread(target=wait, name="parent", daemon=True).start()
