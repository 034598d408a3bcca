"""Un microphone sans matériel, au nom et à la forme de `sounddevice` : dit un fichier brut, puis se tait."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Callback = Callable[[bytes, int, Any, Any], None]


class RawInputStream:
    """Donne les échantillons du fichier `MICRO_BRUT` à la vitesse de la parole."""

    def __init__(self, *, samplerate: int, channels: int, dtype: str, blocksize: int, callback: Callback) -> None:
        assert (channels, dtype) == (1, "int16")
        self._data = Path(os.environ["MICRO_BRUT"]).read_bytes()
        self._seconds = blocksize / samplerate
        self._block = blocksize
        self._callback = callback
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._speak)

    def __enter__(self) -> "RawInputStream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def _speak(self) -> None:
        size, at, started = 2 * self._block, 0, time.monotonic()
        while not self._closed.wait(max(0.0, started + at / size * self._seconds - time.monotonic())):
            self._callback(self._data[at : at + size].ljust(size, b"\0"), self._block, None, None)
            at += size
