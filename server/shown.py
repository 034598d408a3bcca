"""Ce qu'une erreur montre, ramené à une taille que tout fil porte.

Une erreur recopie souvent ce qu'elle refuse : un nom, une option, une liste. Elle part dans des en-têtes, et Envoy
ferme toute la connexion d'un service qui en envoie trop : les flux des autres y passent. La borne est donc ici, où naît
l'erreur.
"""

from collections.abc import Mapping

MESSAGE_BYTES = 1536
"""Octets d'un message, comme gRPC l'envoie : un octet hors de l'ASCII en vaut trois, un « é » donc six."""
VALUE_BYTES = 384
"""Octets d'une valeur ou d'un nom de métadonnées, en UTF-8."""
QUOTED_BYTES = 96
"""Octets d'une valeur citée dans un message, quand celui qui l'écrit la sait venue d'un client."""
METADATA_BYTES = 1280
"""Octets de toutes les métadonnées. Avec le message, deux fois écrit, et la base 64, une erreur tient dans 6 Kio ; les
clients gRPC en admettent 8."""

_CUT = " […] "
_ENTRY_BYTES = 8
_LONGEST = 4
"""Octets d'un caractère en UTF-8, au plus."""


def shown(text: str) -> str:
    """Valeur dans une phrase : assez pour la reconnaître."""
    return _cut(text, QUOTED_BYTES)


def shown_message(text: str, last_line: str = "") -> str:
    """Message, son milieu retiré s'il est trop long : le champ est nommé au début, le remède dit à la fin.

    `last_line` le suit, entière, s'il ne l'a pas déjà.
    """
    ending = f"\n{last_line}" if last_line else ""
    text = text.removesuffix(ending)
    return _cut(text, MESSAGE_BYTES - _size(ending, True), ascii_only=True) + ending


def shown_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Métadonnées, chacune coupée de même ; celles qui ne tiennent plus sont omises."""
    found: dict[str, str] = {}
    room = METADATA_BYTES
    for name, value in metadata.items():
        short, text = _cut(name, VALUE_BYTES), _cut(value, VALUE_BYTES)
        room -= len(short.encode()) + len(text.encode()) + _ENTRY_BYTES
        if room < 0:
            break
        found[short] = text
    return found


def _cut(text: str, limit: int, *, ascii_only: bool = False) -> str:
    if len(text) <= limit:
        text = _sendable(text)
        if len(text) * _LONGEST * (3 if ascii_only else 1) <= limit or _size(text, ascii_only) <= limit:
            return text
    room = limit - _size(_CUT, ascii_only)
    head = _fitting(_sendable(text[:limit]), room * 2 // 3, ascii_only)
    tail = _fitting(_sendable(text[-limit:])[::-1], room // 3, ascii_only)[::-1]
    return head + _CUT + tail


def _fitting(text: str, room: int, ascii_only: bool) -> str:
    """Début du texte qui tient dans `room` octets."""
    for index, character in enumerate(text):
        room -= _size(character, ascii_only)
        if room < 0:
            return text[:index]
    return text


def _size(text: str, ascii_only: bool) -> int:
    data = text.encode()
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in data) if ascii_only else len(data)


def _sendable(text: str) -> str:
    """Texte que protobuf accepte : une moitié de caractère (JSON en permet) y devient un point d'interrogation."""
    return text if text.isascii() else text.encode(errors="replace").decode()
