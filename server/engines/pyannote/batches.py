"""Les lots des deux modèles d'un pipeline, où se joignent les fenêtres de plusieurs ondes.

Chaque onde est menée dans son fil ; seul celui qui possède les modèles les calcule. Il prend la demande la plus
ancienne, puis celles d'autres ondes qui tiennent avec elle dans un lot. Une onde abandonnée n'y entre plus ; un lot
raté est refait onde par onde, et seule échoue celle qui échoue seule.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from server.engines.common.faults import is_memory_error, release_memory
from server.engines.pyannote.leaving import Cancelled, abandoned
from server.errors import EngineFailed

logger = logging.getLogger(__name__)

Submit = Callable[[Callable[[], None]], Any]
"""Fait appeler une fonction dans le fil qui possède les modèles."""


@dataclass(frozen=True, slots=True)
class Part:
    """Un modèle du pipeline."""

    name: str
    compute: Callable[..., Any]
    """Calcule un lot : des tenseurs de même première dimension, vers un tableau qui l'a aussi."""
    most: Callable[[], int]
    """Fenêtres d'un lot, au plus, à cet instant."""


@dataclass(slots=True)
class _Asked:
    part: Part
    rows: tuple[Any, ...]
    stop: threading.Event
    result: "Future[Any]" = field(default_factory=Future)

    def __len__(self) -> int:
        return len(self.rows[0])


class SharedBatches:
    """Ce que les ondes demandent aux modèles."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._lock = threading.Lock()
        self._waiting: deque[_Asked] = deque()
        self._closed = False

    def ask(self, part: Part, *rows: Any) -> "Future[Any]":
        """Demande un calcul pour l'onde de ce fil.

        Raises:
            EngineFailed: le moteur est fermé.
        """
        asked = _Asked(part, rows, abandoned())
        with self._lock:
            if self._closed:
                raise EngineFailed("Le moteur est fermé.")
            self._waiting.append(asked)
            self._submit(self._turn)
        return asked.result

    def close(self) -> None:
        """Fait échouer ce qui attend."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
        for asked in waiting:
            asked.result.set_exception(EngineFailed("Le moteur est fermé."))

    def _turn(self) -> None:
        """Calcule un lot ; des demandes jointes à un lot d'avant laissent des tours vides."""
        with self._lock:
            batch = self._next()
        if not batch or (failure := _computed(batch)) is None:
            return
        if len(batch) == 1:
            batch[0].result.set_exception(failure)
            return
        logger.warning("engine_batch_split", extra={"waves": len(batch)}, exc_info=failure)
        short = is_memory_error(failure)
        # Sans la trace de l'échec, qui tient les tenseurs du lot.
        failure = failure.with_traceback(None)
        if short:
            release_memory()
        for asked in batch:
            if (alone := _computed([asked])) is not None:
                asked.result.set_exception(alone)

    def _next(self) -> list[_Asked]:
        """Plus ancienne demande, et celles qui tiennent avec elle ; retire celles d'ondes abandonnées."""
        waiting, self._waiting = self._waiting, deque()
        batch: list[_Asked] = []
        most = total = 0
        for asked in waiting:
            if asked.stop.is_set():
                asked.result.set_exception(Cancelled())
            elif not batch:
                batch.append(asked)
                most, total = _most(asked.part), len(asked)
            elif asked.part is batch[0].part and _alike(asked, batch[0]) and total + len(asked) <= most:
                batch.append(asked)
                total += len(asked)
            else:
                self._waiting.append(asked)
        return batch


def _most(part: Part) -> int:
    """Fenêtres d'un lot ; une mesure ratée n'en joint aucune, et se redit au calcul."""
    try:
        return part.most()
    except Exception:
        return 0


def _alike(one: _Asked, other: _Asked) -> bool:
    return all(a.shape[1:] == b.shape[1:] for a, b in zip(one.rows, other.rows, strict=True))


def _computed(batch: list[_Asked]) -> Exception | None:
    """Calcule un lot et rend à chaque demande ses lignes ; sinon l'échec, que nulle n'a encore reçu."""
    import torch

    part = batch[0].part
    try:
        most = max(1, part.most())
        rows = [torch.cat(columns) if len(batch) > 1 else columns[0] for columns in _columns(batch)]
        pieces = [part.compute(*(row[at : at + most] for row in rows)) for at in range(0, len(rows[0]), most)]
        found = np.concatenate(pieces)
    except Exception as error:
        return error
    at = 0
    for asked in batch:
        asked.result.set_result(found[at : at + len(asked)])
        at += len(asked)
    return None


def _columns(batch: list[_Asked]) -> Iterable[tuple[Any, ...]]:
    return zip(*(asked.rows for asked in batch), strict=True)
