"""Le journal d'un modèle : ses dernières lignes, puis celles qui viennent, rotation comprise."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from server.events import Tail

_POLL_SECONDS = 0.3
_BATCH_LINES = 500


async def tail(logs: Path, key: str, lines: int, *, follow: bool) -> AsyncIterator[list[str]]:
    """Lots de lignes de tous les exemplaires d'un modèle, dans l'ordre de chaque fichier."""
    tails: dict[Path, Tail] = {}
    # Le nom d'un exemplaire : « qwen-0 », non « qwen-vl-0 », qui est d'un autre modèle.
    name = re.compile(re.escape(key) + r"-\d+\.log")

    def read() -> list[str]:
        found: list[str] = []
        for path in sorted(path for path in logs.glob("*.log") if name.fullmatch(path.name)):
            found += tails.setdefault(path, Tail(path)).read()
        return found

    kept = list(deque(await asyncio.to_thread(read), maxlen=lines))
    while True:
        for first in range(0, len(kept), _BATCH_LINES):
            yield kept[first : first + _BATCH_LINES]
        if not follow:
            return
        await asyncio.sleep(_POLL_SECONDS)
        kept = await asyncio.to_thread(read)
