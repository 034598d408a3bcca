"""Les empreintes de voix qu'un direct ou un extrait demande au modèle d'empreintes d'un pipeline, par lots communs."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.engines.common.faults import fault_of
from server.engines.pyannote.batches import Part, SharedBatches
from server.engines.pyannote.leaving import stopped_by

_SHORTEST = int(0.4 * SAMPLE_RATE)
"""Parole en deçà de laquelle une empreinte ne dit rien de sûr."""
_GRAIN = SAMPLE_RATE // 2
"""Une onde est répétée jusqu'au multiple suivant : des longueurs égales se joignent dans un lot."""


class Voices:
    """Empreintes d'ondes qui ne sont que de la parole."""

    def __init__(self, pipeline: Any, batches: SharedBatches, sizes: Callable[[], tuple[int, int]]) -> None:
        embedding = pipeline._embedding
        self._batches = batches
        self._part = Part("voices", embedding, lambda: sizes()[1])

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        """Empreinte de chaque onde, de longueur un.

        Raises:
            EngineFailed: le moteur est fermé, ou ces ondes ont échoué.
        """
        import torch

        by_length: dict[int, list[int]] = {}
        for rank, wave in enumerate(waves):
            if len(wave) >= _SHORTEST:
                by_length.setdefault(-(-len(wave) // _GRAIN) * _GRAIN, []).append(rank)
        stop = threading.Event()
        with stopped_by(stop):
            asked = [
                self._batches.ask(
                    self._part, torch.from_numpy(np.stack([_filled(waves[rank], length) for rank in ranks]))
                )
                for length, ranks in by_length.items()
            ]
        found: list[Wave | None] = [None] * len(waves)
        try:
            # Un lot commencé finit, et rend à chaque demande ses lignes : abandonnée, elle doit pouvoir les recevoir.
            answers: list[Any] = await asyncio.shield(
                asyncio.gather(*map(asyncio.wrap_future, asked), return_exceptions=True)
            )
        finally:
            stop.set()
        for failed in (one for one in answers if isinstance(one, Exception)):
            raise fault_of(failed) from failed
        for rank, vector in zip(chain(*by_length.values()), chain(*answers), strict=True):
            norm = float(np.linalg.norm(vector))
            if np.isfinite(norm) and norm > 0:
                found[rank] = (vector / norm).astype(np.float32)
        return found


def _filled(wave: Wave, length: int) -> Wave:
    """L'onde, répétée jusqu'à cette longueur, sur un canal."""
    return np.resize(wave, length)[None].astype(np.float32)
