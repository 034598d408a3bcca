"""Quel conteneur porte un fichier, d'après ses octets seulement, et où il commence.

Les démultiplexeurs ouverts sont ceux d'ici, nommés un à un : aucun ne suit une adresse, une liste ou une image.
"""

from collections.abc import Callable, Iterator

from server.speech.decode_view import View
from server.speech.signatures import BLANKS, CONTAINERS, FOREIGN, SEARCHED, known

ID3 = b"ID3"
_TAGS = 16
"""Étiquettes ID3 de suite, au plus."""
_RUN = 3
"""Trames de suite qui font une synchronisation ; moins si le fichier finit avant."""

_KNOWN = known(CONTAINERS)
_NOT_AUDIO = known(FOREIGN)
FORMATS = frozenset(name for _, name in CONTAINERS) | {"mp3", "aac", "ac3", "eac3", "mpegts"}
"""Démultiplexeurs permis à un fichier à en-tête."""


def container(view: View) -> tuple[str, int, int]:
    """Démultiplexeur, premier octet du conteneur, et octets passés avant sa synchronisation.

    Le nom est vide si rien n'est reconnu. Une étiquette ID3, que des outils mettent devant n'importe quoi, est passée.
    """
    start = _after_tags(view)
    # Des outils bourrent de zéros l'espace qui suit l'étiquette ; un en-tête peut en avoir lui-même trois en tête.
    padding = _leading_zeros(view.at(start, SEARCHED)) if start else 0
    for place in (start, *(start + max(0, padding - own) for own in (3, 2, 0))):
        head = view.at(place, 64)
        for pattern, name in _KNOWN:
            if pattern.match(head):
                return name, place, 0
    start += padding
    if foreign(view):
        return "", start, 0
    name, lost = _synchronised(view.at(start, SEARCHED))
    return name, start + lost, lost


def _after_tags(view: View) -> int:
    start = 0
    for _ in range(_TAGS):
        head = view.at(start, 10)
        if head[:3] != ID3 or len(head) < 10 or max(head[6:10]) > 0x7F:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + size + (10 if head[5] & 0x10 else 0)
    return start


def _leading_zeros(data: bytes) -> int:
    return len(data) - len(data.lstrip(b"\0"))


def _synchronised(data: bytes) -> tuple[str, int]:
    """Premier endroit d'où des trames se suivent ; MPEG, ADTS, AC-3, ou paquets de flux de transport."""
    found = min(
        ((at, name) for at, name in (_first(data, *search) for search in _SEARCHES) if at >= 0), default=(0, "")
    )
    return found[1], found[0]


def _first(data: bytes, mark: bytes, length: Callable[[bytes, int], int], name: str) -> tuple[int, str]:
    at = data.find(mark)
    while at >= 0:
        if _follow(data, at, length):
            if name == "ac3":
                return at, "eac3" if data[at + 5] >> 3 > 10 else "ac3"
            return at, name
        at = data.find(mark, at + 1)
    return -1, ""


def _follow(data: bytes, at: int, length: Callable[[bytes, int], int]) -> bool:
    first = at
    for seen in range(_RUN):
        if at + 8 > len(data):
            # Un très court fichier n'en a pas trois.
            return seen == _RUN - 1 and len(data) < SEARCHED
        step = length(data, at)
        # D'une trame à l'autre, version, couche et fréquence restent les mêmes.
        if not step or (data[at] == 0xFF and not _alike(data, first, at)):
            return False
        at += step
    return True


def _alike(data: bytes, first: int, at: int) -> bool:
    return not ((data[at + 1] ^ data[first + 1]) & 0xFE or (data[at + 2] ^ data[first + 2]) & 0x0C)


_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BITS = {
    (True, 3): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg(data: bytes, at: int) -> int:
    """Octets d'une trame MPEG 1, 2 ou 2.5, couche I à III ; 0 si ce n'en est pas une."""
    second, third = data[at + 1], data[at + 2]
    version, layer = second >> 3 & 3, second >> 1 & 3
    if (
        data[at] != 0xFF
        or second & 0xE0 != 0xE0
        or version == 1
        or not layer
        or third >> 4 in (0, 15)
        or third >> 2 & 3 == 3
    ):
        return 0
    rate = _RATES[version][third >> 2 & 3]
    bits = _BITS[version == 3, layer if version == 3 or layer == 3 else 2][third >> 4] * 1000
    padding = third >> 1 & 1
    if layer == 3:
        return (12 * bits // rate + padding) * 4
    return (72 if layer == 1 and version != 3 else 144) * bits // rate + padding


def _adts(data: bytes, at: int) -> int:
    """Octets d'une trame AAC en ADTS ; 0 si ce n'en est pas une."""
    if data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 > 12:
        return 0
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return size if size >= 7 else 0


_AC3_WORDS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1152, 1280)


def _ac3(data: bytes, at: int) -> int:
    """Octets d'une trame AC-3 ou E-AC-3 ; 0 si ce n'en est pas une."""
    if data[at : at + 2] != b"\x0b\x77":
        return 0
    kind = data[at + 5] >> 3
    if kind > 16:
        return 0
    if kind > 10:
        return 2 * (((data[at + 2] & 7) << 8 | data[at + 3]) + 1)
    rate, code = data[at + 4] >> 6, data[at + 4] & 63
    if rate == 3 or code > 37:
        return 0
    words = _AC3_WORDS[code // 2]
    if rate == 0:
        return 2 * words
    return 3 * words if rate == 2 else 2 * (words * 480 // 441 + code % 2)


def _packet(size: int) -> Callable[[bytes, int], int]:
    return lambda data, at: size if data[at] == 0x47 else 0


_SEARCHES: tuple[tuple[bytes, Callable[[bytes, int], int], str], ...] = (
    (b"\xff", _mpeg, "mp3"),
    (b"\xff", _adts, "aac"),
    (b"\x0b\x77", _ac3, "ac3"),
    (b"\x47", _packet(188), "mpegts"),
    (b"\x47", _packet(192), "mpegts"),
    (b"\x47", _packet(204), "mpegts"),
)


def foreign(view: View) -> str:
    """Ce qu'est un fichier qui n'est pas de l'audio, s'il se reconnaît ; vide sinon."""
    head = view.at(_after_tags(view), SEARCHED).lstrip(BLANKS)
    return next((label for pattern, label in _NOT_AUDIO if pattern.match(head)), "")


def names() -> Iterator[str]:
    """Conteneurs acceptés, tels qu'un refus les dit."""
    yield from ("WAV", "FLAC", "MP3", "AAC", "OGG", "WebM", "M4A", "AIFF", "CAF", "AU", "W64", "WMA", "AC-3", "AMR")
    yield from ("AVI", "MPEG-TS")
