"""Les grammaires d'une requête, compilées à l'essai avant que le moteur ne les voie ; ici, le bout qui envoie et juge.

Les bornes du front (`server/front/chat/grammars.py`) disent ce qui ne passe jamais ; l'essai arrête ce qu'elles n'ont
pas prévu. La bibliothèque essayée est celle du moteur qui servira : chacune explose à sa façon.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from server.chat_grammars import Grammar
from server.engines.base import TrialBounds
from server.engines.common.spawned import Child, launch
from server.errors import EngineFailed, InvalidRequest, QueueFull

logger = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("trial_child.py")
_KNOWN = 1024
"""Grammaires dont le verdict est gardé."""
_MAX_WAITING = 32
"""Essais en attente ; ils se font un par un."""
_RETRY_SECONDS = 1.0
_ANSWER_BYTES = 1024 * 1024


class GrammarTrials:
    """Essais d'un exemplaire ; le verdict d'une grammaire est gardé sous son empreinte."""

    def __init__(self, compiler: Path, bounds: TrialBounds, settings: Mapping[str, Any] | None = None) -> None:
        """`compiler` définit `prepare`, que l'enfant appelle avec `settings` (`trial_child.py`)."""
        self._compiler = compiler
        self._bounds = bounds
        self._settings = dict(settings or {})
        self._verdicts: OrderedDict[bytes, dict[str, str]] = OrderedDict()
        self._process: Child | None = None
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._starting: asyncio.Task[Child] | None = None

    def start(self) -> None:
        """Lance l'enfant sans l'attendre ; sans cela, la première grammaire l'attendrait."""
        self._starting = asyncio.create_task(self._launch())

    async def check(self, grammar: Grammar) -> None:
        """Compile une grammaire à l'essai, si son verdict n'est pas connu.

        Raises:
            InvalidRequest: elle est illisible, ou dépasse les bornes ; `metadata["field"]` la nomme.
            QueueFull: trop d'essais attendent.
            EngineFailed: l'essai n'a pas abouti ; l'enfant, s'il ne répond plus, est remplacé.
        """
        source = grammar.source if isinstance(grammar.source, str) else orjson.dumps(grammar.source).decode()
        key = hashlib.sha256(f"{grammar.kind}\0{source}".encode("utf-8", "surrogatepass")).digest()
        if key in self._verdicts:
            self._verdicts.move_to_end(key)
            self._judge(grammar, self._verdicts[key])
            return
        if self._waiting >= _MAX_WAITING:
            raise QueueFull(
                f"{grammar.field} : {self._waiting} grammaires attendent déjà leur essai ; réessayez.",
                metadata={"field": grammar.field, "limit": str(_MAX_WAITING), "value": str(self._waiting)},
                retry_after=_RETRY_SECONDS,
            )
        self._waiting += 1
        try:
            async with self._lock:
                # Un autre appelant a pu, entre-temps, essayer la même.
                verdict = self._verdicts.get(key) or await self._ask(str(grammar.kind), source)
        finally:
            self._waiting -= 1
        if verdict["status"] != "late":
            self._verdicts[key] = verdict
            if len(self._verdicts) > _KNOWN:
                self._verdicts.popitem(last=False)
        self._judge(grammar, verdict)

    async def close(self) -> None:
        """Arrête l'enfant."""
        starting, self._starting = self._starting, None
        if starting is not None:
            with contextlib.suppress(Exception):
                self._process = await starting
        await self._drop()

    def _judge(self, grammar: Grammar, verdict: Mapping[str, str]) -> None:
        status, field = verdict["status"], grammar.field
        if status == "ok":
            return
        logger.warning("grammar_refused", extra={"field": field, "status": status})
        if status == "error":
            raise InvalidRequest(
                f"{field} : le moteur refuse cette grammaire ({verdict['message']}).",
                metadata={"field": field, "detail": verdict["message"]},
            )
        if status == "late":
            raise EngineFailed(
                f"{field} : l'essai de cette grammaire n'a pas abouti ; réessayez.", metadata={"field": field}
            )
        what, limit = "secondes de processeur", f"{self._bounds.seconds:g}"
        if status == "memory":
            what, limit = "octets de mémoire", str(self._bounds.memory_bytes)
        raise InvalidRequest(
            f"{field} : compiler cette grammaire demande plus de {limit} {what} ; simplifiez-la.",
            metadata={"field": field, "limit": limit},
        )

    async def _ask(self, kind: str, source: str) -> dict[str, str]:
        try:
            process = await self._running()
            process.stdin.write(json.dumps({"kind": kind, "source": source}).encode() + b"\n")
            await process.stdin.drain()
            return await _line(process)
        except (OSError, ValueError) as error:
            await self._drop()
            raise EngineFailed("L'essai de cette grammaire n'a pas abouti ; réessayez.") from error
        except BaseException:
            # La réponse à un essai abandonné serait lue pour celle du suivant.
            await self._drop()
            raise

    async def _running(self) -> Child:
        starting, self._starting = self._starting, None
        if starting is not None:
            self._process = await starting
        if self._process is not None and self._process.returncode is not None:
            await self._drop()
        if self._process is None:
            self._process = await self._launch()
        return self._process

    async def _launch(self) -> Child:
        kept = ("PATH", "LD_LIBRARY_PATH", "HOME")
        process = await launch(
            sys.executable,
            "-I",
            str(_CHILD),
            str(self._compiler),
            env={name: os.environ[name] for name in kept if name in os.environ} | {"OMP_NUM_THREADS": "1"},
            limit=_ANSWER_BYTES,
        )
        process.stdin.write(json.dumps(self._settings | asdict(self._bounds)).encode() + b"\n")
        await process.stdin.drain()
        await _line(process)
        return process

    async def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # Même déjà fini : c'est ce qui ferme ses tubes.
            await process.wait()


async def _line(process: Child) -> dict[str, str]:
    found: dict[str, str] = json.loads(await process.stdout.readline())
    return found
