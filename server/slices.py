"""Un texte et ses tranches : un mot, un segment ou une ligne se coupe dans le texte, et ne s'en recolle jamais.

Les moteurs, la fusion, les formes et les fronts s'en servent ; la page a les mêmes règles
(`dashboard/src/audio/slices.ts`).
"""

import re
from collections.abc import Iterable, Sequence

SPACES = re.compile("[\t-\r\x1c-\x20\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+")
"""Espaces où un texte se coupe ; une espace insécable est un caractère comme un autre."""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3000-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\U00020000-\U0003ffff]"
)
"""Caractères des écritures sans espaces (chinois, japonais, thaï, lao, birman, khmer) et leur ponctuation."""


def unspaced(character: str) -> bool:
    """Vrai pour un caractère d'une écriture sans espaces."""
    return _UNSPACED.match(character) is not None


def joint(before: str, after: str) -> str:
    """Ce qui sépare deux textes consécutifs : une espace, sauf dans une écriture qui n'en a pas."""
    if not before or not after or (unspaced(before[-1]) and unspaced(after[0])):
        return ""
    return " "


def joined(texts: Iterable[str]) -> str:
    """Texte entier de textes consécutifs."""
    whole = ""
    parts: list[str] = []
    for text in texts:
        if text:
            parts += (joint(whole, text), text)
            whole = text
    return "".join(parts)


def cuttable(text: str, end: int, start: int) -> bool:
    """Vrai si ce qui finit en `end` et ce qui commence en `start` se retrouvent tels quels par `joint`."""
    return text[end:start] == joint(text[:end], text[start:])


def spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Place de chaque mot dans le texte, dans l'ordre ; vide là où le texte ne l'a pas."""
    found: list[tuple[int, int]] = []
    position = 0
    for word in words:
        at = text.find(word, position)
        if at < 0:
            found.append((position, position))
            continue
        position = at + len(word)
        found.append((at, position))
    return found
