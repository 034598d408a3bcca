"""Ce que lit le démultiplexeur : des morceaux du fichier mis bout à bout, et quelques octets d'en-tête corrigés."""

import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO


class View:
    """Fichier en lecture, à la façon de `io` ; ni copie, ni écriture."""

    def __init__(
        self, source: BinaryIO, ranges: Sequence[tuple[int, int]], patches: Mapping[int, bytes] | None = None
    ) -> None:
        """`ranges` : morceaux du fichier, fin exclue ; `patches` : octets remplacés, par leur place dans le premier."""
        self._source = source
        self._ranges = [(start, end) for start, end in ranges if end > start]
        self._patches = dict(patches or {})
        self._position = 0
        self.size = sum(end - start for start, end in self._ranges)
        """Octets, tous morceaux compris."""

    def tell(self) -> int:
        """Position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Nouvelle position, peut-être après la fin."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Au plus `count` octets ; rien à la fin."""
        start = self._position
        end = self.size if count < 0 else min(self.size, start + count)
        pieces = []
        place = 0
        for low, high in self._ranges:
            if start < place + high - low and end > place:
                self._source.seek(low + max(0, start - place))
                pieces.append(self._source.read(min(end, place + high - low) - max(start, place)))
            place += high - low
        data = b"".join(pieces)
        self._position = start + len(data)
        for at, value in self._patches.items():
            data = _patched(data, at - start, value)
        return data

    def at(self, offset: int, count: int) -> bytes:
        """Octets lus à une place, sans changer de position."""
        kept, self._position = self._position, offset
        data = self.read(count)
        self._position = kept
        return data


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    if at >= len(data) or at + len(value) <= 0:
        return data
    low, high = max(0, at), min(len(data), at + len(value))
    return data[:low] + value[low - at : high - at] + data[high:]
