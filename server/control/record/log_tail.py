"""Le journal d'un modèle : ses dernières lignes, puis celles qui viennent, rotation comprise."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

_POLL_SECONDS = 0.3
_BATCH_LINES = 500


class _Tail:
    """Un fichier lu au fil de l'eau."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""

    def read(self) -> list[str]:
        """Lignes entières écrites depuis la dernière lecture."""
        try:
            with self._path.open("rb") as file:
                inode = self._path.stat().st_ino
                if inode != self._inode:
                    self._inode, self._offset, self._rest = inode, 0, b""
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


async def tail(logs: Path, key: str, lines: int, *, follow: bool) -> AsyncIterator[list[str]]:
    """Lots de lignes de tous les exemplaires d'un modèle, dans l'ordre de chaque fichier."""
    tails: dict[Path, _Tail] = {}
    # Le nom d'un exemplaire : « qwen-0 », non « qwen-vl-0 », qui est d'un autre modèle.
    name = re.compile(re.escape(key) + r"-\d+\.log")

    def read() -> list[str]:
        found: list[str] = []
        for path in sorted(path for path in logs.glob("*.log") if name.fullmatch(path.name)):
            found += tails.setdefault(path, _Tail(path)).read()
        return found

    kept = list(deque(await asyncio.to_thread(read), maxlen=lines))
    while True:
        for first in range(0, len(kept), _BATCH_LINES):
            yield kept[first : first + _BATCH_LINES]
        if not follow:
            return
        await asyncio.sleep(_POLL_SECONDS)
        kept = await asyncio.to_thread(read)
