"""Ce qui arrête chaque fenêtre d'un lot : ses propres jetons permis, ou une boucle, et non la plus longue du lot.

NeMo borne toute la recherche gloutonne par la plus longue onde du lot : une fenêtre d'une seconde qui boucle y écrirait
autant qu'une de trente. Ici chaque ligne reçoit sa fin à son tour, par le pas de recherche de NeMo.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.engines.common.loops import LONGEST, repeated

_LOOK = 4
"""Pas entre deux regards sur ce qui est écrit : chacun attend le GPU, et n'y lance qu'une copie."""


class RowGuard:
    """Garde d'une recherche gloutonne de NeMo (`GreedySequenceGenerator`).

    Tant que rien n'est à arrêter, un pas ne coûte aucun calcul au GPU : le décodage d'un petit lot n'y est fait que de
    lancements.
    """

    def __init__(self, search: Any, alike: Any) -> None:
        """`alike` : pour chaque jeton, celui qui le vaut quand une boucle se cherche ; un instant en vaut un autre."""
        self._alike = alike.cpu().numpy()
        self._end = search.eos
        self._forward = search._one_step_forward
        self._budgets = np.zeros(0, np.int64)
        self._written = -1
        self._unread: list[Any] = []
        self._loops = Loops(0)
        self._looping = np.zeros(0, bool)
        search._one_step_forward = self._step

    def begin(self, budgets: Any) -> None:
        """Un lot commence : `budgets` dit les jetons permis à chaque ligne."""
        self._budgets = budgets.cpu().numpy()
        # Le premier pas lit l'amorce, qui n'est pas du texte.
        self._written, self._unread = -1, []
        self._loops = Loops(len(self._budgets))
        self._looping = np.zeros(len(self._budgets), bool)

    def _step(self, decoder_input_ids: Any, *arguments: Any, **named: Any) -> Any:
        import torch

        logits, memories, attention = self._forward(decoder_input_ids, *arguments, **named)
        self._written += 1
        if self._written:
            self._unread.append(decoder_input_ids[:, -1:])
        if len(self._unread) == _LOOK:
            told = self._alike[torch.cat(self._unread, dim=1).cpu().numpy()]
            self._unread = []
            self._looping |= self._loops.hear(told)
        stopped = self._looping | (self._written >= self._budgets)
        if stopped.any():
            rows = torch.from_numpy(stopped).to(logits.device)
            logits[:, -1].masked_fill_(rows[:, None], float("-inf"))
            logits[:, -1, self._end].masked_fill_(rows, 0.0)
        return logits, memories, attention


class Loops:
    """Cherche des boucles dans des lignes qui s'écrivent, toutes les périodes à la fois."""

    def __init__(self, rows: int) -> None:
        self._last: NDArray[np.int64] = np.full((rows, LONGEST), -1, np.int64)
        """Derniers jetons de chaque ligne, le plus récent d'abord."""
        self._again: NDArray[np.int64] = np.zeros((rows, LONGEST), np.int64)
        """Jetons de suite, jusqu'au dernier, qui redisent celui d'une période avant, pour chacune."""
        self._needed = np.array([repeated(period) for period in range(1, LONGEST + 1)])

    def hear(self, told: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Lignes qui finissent par une boucle, ces jetons (lignes, pas) ajoutés."""
        for column in told.T:
            self._again = (self._again + 1) * (self._last == column[:, None])
            self._last = np.concatenate((column[:, None], self._last[:, :-1]), axis=1)
        looping: NDArray[np.bool_] = np.any(self._again >= self._needed, axis=1)
        return looping
