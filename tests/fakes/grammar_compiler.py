"""Un compilateur de grammaires qui fait ce que son texte demande : le bien, et ce que font les pires."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def prepare(settings: dict[str, Any]) -> Callable[[str, str], None]:
    """Note chaque essai dans le fichier `settings["log"]`."""
    log = Path(settings["log"])

    def compile_one(kind: str, source: str) -> None:
        with log.open("a") as file:
            file.write(f"{kind} {source}\n")
        word, _, number = source.partition(" ")
        if word == "spin":
            while True:
                pass
        elif word == "native":
            # Un appel natif qui calcule sans jamais rendre la main à Python.
            (2**40_000_000) * (3**40_000_000)
        elif word == "eat":
            bytearray(int(number))
        elif word == "abort":
            os.abort()
        elif word == "fault":
            ctypes.string_at(0)
        elif word == "sleep":
            time.sleep(60)
        elif word == "leave":
            os.kill(os.getppid(), signal.SIGKILL)
        elif word == "bad":
            raise ValueError("x" * 10_000)

    return compile_one
