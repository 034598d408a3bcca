"""La boucle d'un décodeur : il redit sans fin la même suite de jetons, sur un bruit ou un silence le plus souvent."""

from collections.abc import Sequence

LONGEST = 16
"""Jetons d'une suite redite, au plus."""
_TIMES = 4
_TOKENS = 24


def repeated(period: int) -> int:
    """Jetons redits à l'identique, à la fin d'un texte, qui font une boucle de cette période."""
    return max(_TOKENS, _TIMES * period)


def kept(tokens: Sequence[int]) -> int:
    """Jetons à garder d'un texte : tous, ou jusqu'à la fin du premier tour de la boucle où il finit."""
    for period in range(1, LONGEST + 1):
        start = len(tokens)
        while start > period and tokens[start - 1] == tokens[start - 1 - period]:
            start -= 1
        if len(tokens) - start >= repeated(period):
            return start
    return len(tokens)
