"""Ce qui reste d'un fichier après le dernier son qui en est sorti."""

import re
import struct

from server.speech.decode_view import View

SILENT_BYTES = 8 * 1024
"""Reste qu'un codec ou un bourrage explique."""
_KIND = re.compile(rb"[\w\xa9 -]{4}")
_MAX_ATOMS = 100_000
"""Boîtes d'un MP4 suivies, au plus : d'un fichier hostile, elles se comptent par millions."""
_EBML = b"\x1a\x45\xdf\xa3"
_STEP = 1 << 20
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")
_INDEXES = {
    "matroska": tuple(map(bytes.fromhex, ("1c53bb6b", "1254c367", "1941a469", "1043a770", "114d9b74", "ec"))),
    "asf": tuple(map(bytes.fromhex, ("90080033", "d329e2d6", "f803b1fe"))),
    "avi": (b"idx1", b"JUNK", b"LIST"),
}
"""Ce qui, dans ces conteneurs, suit le son sans en être."""


def undecoded(name: str, view: View, reached: int) -> int:
    """Octets de la fin dont rien n'est sorti ; 0 si ce sont des étiquettes ou un index."""
    if name == "mov":
        return _after_atoms(view)
    # La longueur d'un WAV et de ses pareils est déjà celle des octets présents.
    if name in ("wav", "w64", "aiff", "caf") or view.size - reached < SILENT_BYTES:
        return 0
    if name == "matroska" and (again := _another(view, reached, _EBML)):
        return again
    head = view.at(reached, 16)
    known = _TAGS + _INDEXES.get(name, ())
    return 0 if head.startswith(known) else view.size - reached


def _another(view: View, at: int, mark: bytes) -> int:
    """Octets depuis le prochain en-tête du même conteneur, que FFmpeg ne suit pas toujours ; 0 s'il n'y en a pas."""
    while at < view.size:
        data = view.at(at, _STEP)
        if (found := data.find(mark)) >= 0:
            return view.size - at - found
        at += _STEP - len(mark)
    return 0


def _after_atoms(view: View) -> int:
    """Octets qui suivent les boîtes d'un MP4 : un autre fichier mis bout à bout, ou n'importe quoi."""
    at = films = 0
    for _ in range(_MAX_ATOMS):
        if at + 8 > view.size:
            return 0
        size, kind = struct.unpack(">I4s", view.at(at, 8))
        films += kind == b"ftyp"
        if size == 1:
            size = int.from_bytes(view.at(at + 8, 8), "big")
        elif size == 0:
            return 0
        if films > 1 or size < 8 or not _KIND.fullmatch(kind):
            return view.size - at
        at += size
    return view.size - at
