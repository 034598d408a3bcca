"""Les images d'une requête, jugées sur leur en-tête et leurs blocs : rien n'est décodé, une bombe n'a pas où éclater.

PNG, JPEG, GIF et WebP annoncent leurs dimensions, et leurs images successives se comptent sans les défaire. Le format
est celui des octets, quel que soit le type annoncé ; un fichier coupé est refusé.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

from server.domain import Limits
from server.errors import InvalidRequest
from server.front.checks import refusal

TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")

_CUT = "le fichier est coupé ou abîmé"
_MAX_BLOCKS = 100_000
"""Morceaux d'un fichier, suivis un à un ; vingt Mio de GIF en comptent quatre-vingt mille."""
_MAX_SCANS = 64
"""Passes d'un JPEG progressif, chacune sur l'image entière ; un encodeur en fait une dizaine."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Ce qu'une image demandera à qui la décode."""

    width: int
    height: int
    frames: int


class Unreadable(Exception):
    """L'image n'est pas de ce format, ou n'est pas entière."""


class _Blocks:
    """Compte des morceaux suivis."""

    def __init__(self) -> None:
        self._count = 0

    def one(self) -> None:
        self._count += 1
        if self._count > _MAX_BLOCKS:
            raise Unreadable("elle est en trop de morceaux")


def check_picture(encoded: str, path: str, limits: Limits) -> None:
    """Refuse une image (base64) illisible, trop lourde, trop grande ou qui en contient trop.

    Raises:
        InvalidRequest: `path` la nomme.
    """
    # Quatre caractères de base64 pour trois octets : une image trop lourde n'est pas même relue.
    if len(encoded) * 3 // 4 > limits.max_image_bytes + 2:
        raise _over(path, "octets", limits.max_image_bytes, len(encoded) * 3 // 4)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise refusal(path, "du base64 est attendu après « base64, »", encoded[:40]) from None
    if len(data) > limits.max_image_bytes:
        raise _over(path, "octets", limits.max_image_bytes, len(data))
    try:
        picture = measure(data, limits.max_image_frames)
    except (Unreadable, IndexError, struct.error) as error:
        why = str(error) if isinstance(error, Unreadable) else _CUT
        raise refusal(path, f"une image PNG, JPEG, GIF ou WebP entière est attendue ; {why}", _start(data)) from None
    if picture.frames > limits.max_image_frames:
        raise _over(path, "images successives", limits.max_image_frames, picture.frames)
    pixels = picture.width * picture.height * picture.frames
    if pixels > limits.max_image_pixels:
        raise _over(path, "points, toutes images comprises", limits.max_image_pixels, pixels)


def _over(path: str, what: str, limit: int, value: int) -> InvalidRequest:
    return refusal(path, f"une image compte au plus {limit} {what}", value, limit=limit)


def _start(data: bytes) -> str:
    return data[:16].hex(" ")


def measure(data: bytes, max_frames: int) -> Picture:
    """Dimensions et nombre d'images, sans rien décoder ; le compte s'arrête passé `max_frames`.

    Raises:
        Unreadable: format inconnu, ou fichier abîmé.
        IndexError: fichier coupé.
        struct.error: fichier coupé.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data, max_frames)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    raise Unreadable("ses premiers octets sont d'un autre format")


def _png(data: bytes) -> Picture:
    blocks, width, height, frames, at = _Blocks(), 0, 0, 1, 8
    while True:
        blocks.one()
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise Unreadable(_CUT)
        if (at == 8) is not (kind == b"IHDR"):
            raise Unreadable("son en-tête manque, ou vient deux fois")
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data, at + 8)
        elif kind == b"acTL":
            frames = max(frames, struct.unpack_from(">I", data, at + 8)[0])
        elif kind == b"IEND":
            return _sized(width, height, frames)
        at += 12 + length


def _gif(data: bytes, max_frames: int) -> Picture:
    blocks = _Blocks()
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames = 13 + _palette(flags), 0
    while frames <= max_frames:
        mark = data[at]
        if mark == 0x3B:
            break
        if mark == 0x21:
            at += 2
        elif mark == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + wide), max(height, top + high)
            at += 11 + _palette(flags)
            frames += 1
        else:
            raise Unreadable(_CUT)
        while size := data[at]:
            blocks.one()
            at += size + 1
        at += 1
        blocks.one()
    return _sized(width, height, frames)


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _jpeg(data: bytes) -> Picture:
    blocks, width, height, at = _Blocks(), 0, 0, 2
    while True:
        blocks.one()
        if data[at] != 0xFF:
            raise Unreadable(_CUT)
        mark = data[at + 1]
        if mark == 0xFF:
            at += 1
            continue
        if mark == 0x01 or 0xD0 <= mark <= 0xD8:
            at += 2
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        if mark == 0xDA:
            break
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            high, wide = struct.unpack_from(">HH", data, at + 5)
            width, height = max(width, wide), max(height, high)
        at += 2 + length
    if data.count(b"\xff\xda", at) > _MAX_SCANS:
        raise Unreadable("elle a trop de passes")
    if data.find(b"\xff\xd9", at) < 0:
        raise Unreadable(_CUT)
    return _sized(width, height, 1)


def _webp(data: bytes) -> Picture:
    blocks, width, height, frames, at = _Blocks(), 0, 0, 0, 12
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise Unreadable(_CUT)
    while at + 8 <= end:
        blocks.one()
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if body + length > end:
            raise Unreadable(_CUT)
        wide, high = 0, 0
        if kind == b"VP8X":
            wide, high = (1 + int.from_bytes(data[body + i : body + i + 3], "little") for i in (4, 7))
        elif kind == b"VP8 ":
            wide, high = (one & 0x3FFF for one in struct.unpack_from("<HH", data, body + 6))
        elif kind == b"VP8L":
            bits = struct.unpack_from("<I", data, body + 1)[0]
            wide, high = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif kind == b"ANMF":
            frames += 1
        width, height = max(width, wide), max(height, high)
        at = body + length + length % 2
    return _sized(width, height, max(1, frames))


def _sized(width: int, height: int, frames: int) -> Picture:
    if not (width and height and frames):
        raise Unreadable("elle n'a pas de dimensions")
    return Picture(width, height, frames)
