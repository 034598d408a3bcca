"""Les appels à llama.cpp : un fil et une place chacun, rendus ensemble, une fois le calcul vraiment fini.

llama.cpp ne demande s'il faut continuer qu'à ce qu'il rend : il rend donc aussi l'avancement d'un texte de départ, lot
après lot. Un appel abandonné revient alors tout de suite, mais un lot peut encore se calculer : le fil l'attend.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from server.engines.base import ChatKind

_LOOK_SECONDS = 0.005
"""Période de la lecture des places encore tenues ; llama.cpp n'offre pas de rappel."""


class Calls:
    """Appels en cours ; ceux qui n'ont pas de fil attendent sans que llama.cpp les connaisse."""

    def __init__(self, server: Any, parallel: int) -> None:
        self._server = server
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="llama")
        self._lock = threading.Lock()
        self._awaited = 0

    def start(
        self, kind: ChatKind, body: Mapping[str, Any], put: Callable[[Any], None], stop: threading.Event
    ) -> "Future[None]":
        """Commence un appel.

        Args:
            put: reçoit, d'un autre fil, ce que llama.cpp rend, l'exception qu'il lève, puis `None`.
            stop: mis, l'appel est abandonné.
        """
        return self._pool.submit(self._lead, kind, dict(body) | {"return_progress": True}, put, stop)

    async def leave(self, calls: "list[Future[None]]") -> None:
        """Attend que ces appels, `stop` mis, aient rendu leurs places."""
        started = [call for call in calls if not call.cancel()]
        await asyncio.gather(*map(asyncio.wrap_future, started), return_exceptions=True)

    def metric(self, name: str) -> int:
        """Compteur ou jauge de llama.cpp (`requests_processing`, `n_decode_total`…)."""
        prefix = f"llamacpp:{name} "
        lines = self._server.handle_metrics().splitlines()
        return int(float(next(line for line in lines if line.startswith(prefix)).removeprefix(prefix)))

    def close(self) -> None:
        """Abandonne ce qui attend un fil."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _lead(self, kind: ChatKind, body: dict[str, Any], put: Callable[[Any], None], stop: threading.Event) -> None:
        awaited = False

        def await_slot(wanted: bool) -> None:
            nonlocal awaited
            with self._lock:
                self._awaited += wanted - awaited
            awaited = wanted

        def on_chunk(chunk: Any) -> bool:
            for one in chunk if isinstance(chunk, list) else [chunk]:
                # La place est prise avant ce qu'elle rend d'abord, et rendue après ce qu'elle rend à la fin.
                await_slot(not any(choice.get("finish_reason") for choice in one.get("choices") or ()))
                if "prompt_progress" not in one:
                    put(one)
            return stop.is_set()

        handler = self._server.handle_chat_completions if kind is ChatKind.CHAT else self._server.handle_completions
        try:
            if not stop.is_set():
                handler(body, on_chunk)
            put(None)
        except Exception as error:
            put(error)
        finally:
            await_slot(False)
            if stop.is_set():
                self._wait_for_slot()

    def _wait_for_slot(self) -> None:
        """Attend que llama.cpp ne tienne plus que les places dont quelqu'un attend la suite."""
        while self.metric("requests_processing") > self._awaited:
            time.sleep(_LOOK_SECONDS)
