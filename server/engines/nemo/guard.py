"""Ce qui arrête chaque fenêtre d'un lot : ses propres jetons permis, ou une boucle, et non la plus longue du lot.

NeMo borne toute la recherche gloutonne par la plus longue onde du lot : une fenêtre d'une seconde qui boucle y écrirait
autant qu'une de trente. Ici chaque ligne reçoit sa fin à son tour, par le pas de recherche de NeMo.
"""

from typing import Any

from server.engines.common.loops import LONGEST, repeated

_LOOK = 4
"""Pas entre deux recherches de boucle."""


class RowGuard:
    """Garde d'une recherche gloutonne de NeMo (`GreedySequenceGenerator`)."""

    def __init__(self, search: Any, alike: Any) -> None:
        """`alike` : pour chaque jeton, celui qui le vaut quand une boucle se cherche ; un instant en vaut un autre."""
        self._alike = alike
        self._end = search.eos
        self._forward = search._one_step_forward
        self._budgets: Any = None
        self._told: Any = None
        self._looping: Any = None
        search._one_step_forward = self._step

    def begin(self, budgets: Any) -> None:
        """Un lot commence : `budgets` dit les jetons permis à chaque ligne."""
        self._budgets, self._told, self._looping = budgets, None, None

    def _step(self, decoder_input_ids: Any, *arguments: Any, **named: Any) -> Any:
        import torch

        logits, memories, attention = self._forward(decoder_input_ids, *arguments, **named)
        if self._told is None:
            # Le premier pas lit l'amorce, qui n'est pas du texte.
            self._told = decoder_input_ids[:, :0]
            self._looping = torch.zeros_like(self._budgets, dtype=torch.bool)
        else:
            self._told = torch.cat((self._told, decoder_input_ids[:, -1:]), dim=1)
        written = self._told.shape[1]
        if written and not written % _LOOK:
            self._looping |= loops(self._alike[self._told])
        stopped = self._looping | (written >= self._budgets)
        logits[:, -1].masked_fill_(stopped[:, None], float("-inf"))
        logits[:, -1, self._end].masked_fill_(stopped, 0.0)
        return logits, memories, attention


def loops(told: Any) -> Any:
    """Lignes qui finissent par une boucle."""
    import torch

    found = torch.zeros(len(told), dtype=torch.bool, device=told.device)
    for period in range(1, LONGEST + 1):
        count = repeated(period)
        if told.shape[1] >= count + period:
            found |= (told[:, -count:] == told[:, -count - period : -period]).all(dim=1)
    return found
