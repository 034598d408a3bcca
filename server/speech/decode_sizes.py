"""Les longueurs qu'un fichier annonce, confrontées aux octets présents : WAV, RF64, W64, AIFF, CAF.

Ces démultiplexeurs s'arrêtent où l'en-tête le dit. Ici, ce qui suit le son est lu : d'autres blocs de métadonnées, un
autre fichier du même format mis bout à bout, ou du son que l'en-tête oubliait.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from server.speech.decode_view import View

_TAG_BYTES = 128
_MAX_CHUNKS = 10_000
_MAX_FILES = 1_000
"""Blocs suivis, et fichiers mis bout à bout, au plus : d'un envoi hostile, ils se comptent par millions."""
_UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_STREAMED = 0x7FFF0000
"""Longueur de 32 bits que met un outil qui ne connaît pas encore la sienne, au moins."""
_SOUNDS = (b"data", b"SSND")
_STARTS = (b"RIFF", b"RF64", b"RIFX", b"BW64", b"FORM", b"caff", b"riff")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Façon dont une famille de fichiers écrit ses blocs."""

    head: int
    """Octets avant le premier bloc."""
    name: int
    """Octets du nom d'un bloc."""
    size: str
    """Longueur d'un bloc, pour `struct`."""
    align: int
    inclusive: bool = False
    """La longueur compte l'en-tête du bloc."""
    prefix: int = 0
    """Octets du bloc de son qui n'en sont pas."""


_LAYOUTS = {
    b"RIFF": _Layout(12, 4, "<I", 2),
    b"RF64": _Layout(12, 4, "<I", 2),
    b"BW64": _Layout(12, 4, "<I", 2),
    b"RIFX": _Layout(12, 4, ">I", 2),
    b"FORM": _Layout(12, 4, ">I", 2, prefix=8),
    b"caff": _Layout(8, 4, ">Q", 1, prefix=4),
    b"riff": _Layout(40, 16, "<Q", 8, inclusive=True),
}


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    field: int
    """Place de la longueur."""
    start: int
    end: int
    """Fin annoncée, peut-être après celle du fichier."""


@dataclass(frozen=True, slots=True)
class Sized:
    """Ce que le démultiplexeur doit lire, et ce qu'il a fallu corriger."""

    view: View
    added: int = 0
    """Octets de son que l'en-tête ne comptait pas."""
    lost: int = 0
    """Octets de son que l'en-tête annonce et qui n'y sont pas."""
    left: int = 0
    """Octets qu'aucune lecture ne comprend."""


def sized(source: BinaryIO, start: int, size: int) -> Sized:
    """Lecture du fichier qui commence à `start`, longueurs corrigées ; telle quelle s'il n'a pas de blocs."""
    whole = View(source, [(start, size)])
    layout = _LAYOUTS.get(whole.at(0, 4))
    found = _sound(whole, layout) if layout else None
    if layout is None or found is None:
        return Sized(whole)
    sound, size_field, kind, declared = found
    if not declared and sound.end < whole.size and _metadata(whole, sound.end, layout):
        return Sized(View(source, [(start, start + sound.end)]))
    unknown = declared in _UNKNOWN or (struct.calcsize(layout.size) == 4 and declared >= _STREAMED)
    if unknown or sound.end > whole.size:
        lost = 0 if unknown else sound.end - whole.size
        return Sized(_resized(source, start, whole, sound, size_field, layout, [(sound.start, whole.size)]), lost=lost)
    ranges = [(sound.start, sound.end)]
    added = 0
    at = sound.end
    while at < whole.size and not _metadata(whole, at, layout):
        if len(ranges) == _MAX_FILES:
            return Sized(_resized(source, start, whole, sound, size_field, layout, ranges), added, left=whole.size - at)
        following = _another(source, start, whole, at, kind)
        if following is None:
            if whole.at(at, 4) in _STARTS:
                return Sized(
                    _resized(source, start, whole, sound, size_field, layout, ranges), added, left=whole.size - at
                )
            ranges.append((at, whole.size))
            added += whole.size - at
            break
        ranges.append(following)
        added += following[1] - following[0]
        at = following[1] + (following[1] - at) % layout.align
    if sound.end == whole.size:
        return Sized(whole)
    # Ce qui suit le son n'est pas donné à lire : des métadonnées mal faites n'empêchent pas de l'entendre.
    return Sized(_resized(source, start, whole, sound, size_field, layout, ranges), added)


def _chunks(view: View, layout: _Layout, at: int) -> Iterator[_Chunk]:
    header = layout.name + struct.calcsize(layout.size)
    for _ in range(_MAX_CHUNKS):
        if at + header > view.size:
            return
        name = view.at(at, layout.name)
        size: int = struct.unpack(layout.size, view.at(at + layout.name, header - layout.name))[0]
        if layout.inclusive:
            size -= header
            if size < 0:
                return
        yield _Chunk(name, at + layout.name, at + header, at + header + size)
        at += header + size + (-size) % layout.align


def _sound(view: View, layout: _Layout, base: int = 0) -> tuple[_Chunk, tuple[int, str], bytes, int] | None:
    """Bloc du son, champ qui en dit la longueur, description du format, et longueur annoncée."""
    kind = b""
    wide: tuple[int, int] | None = None
    for chunk in _chunks(view, layout, base + layout.head):
        name = chunk.name[:4]
        if name in (b"fmt ", b"desc"):
            kind = view.at(chunk.start, min(chunk.end - chunk.start, 4096))
        elif name == b"COMM":
            described = view.at(chunk.start, min(chunk.end - chunk.start, 4096))
            kind = described[:2] + described[6:]
        elif name == b"ds64":
            wide = chunk.start + 8, struct.unpack("<Q", view.at(chunk.start + 8, 8).ljust(8, b"\0"))[0]
        elif name in _SOUNDS:
            field, code = chunk.field, layout.size
            declared: int = struct.unpack(code, view.at(field, struct.calcsize(code)))[0]
            if wide is not None and declared == 0xFFFFFFFF:
                field, declared = wide
                code = "<Q"
                chunk = _Chunk(chunk.name, field, chunk.start, chunk.start + declared)
            return chunk, (field, code), kind, declared
    return None


def _metadata(view: View, at: int, layout: _Layout) -> bool:
    """Vrai si la suite n'est que blocs entiers, étiquette ou bourrage, et aucun son."""
    rest = view.size - at
    if rest < layout.align or (rest == _TAG_BYTES and view.at(at, 3) == b"TAG") or view.at(at, 3) == b"ID3":
        return True
    end = at
    for chunk in _chunks(view, layout, at):
        name = chunk.name[:4]
        if name in _SOUNDS or name in _STARTS or not name.isascii() or not name.decode().isprintable():
            return False
        if chunk.end > view.size:
            return False
        end = chunk.end
    return end > at and view.size - end < max(layout.align, 8)


def _another(source: BinaryIO, start: int, view: View, at: int, kind: bytes) -> tuple[int, int] | None:
    """Son d'un fichier de même format mis à la suite."""
    layout = _LAYOUTS.get(view.at(at, 4))
    found = _sound(view, layout, at) if layout else None
    if layout is None or found is None:
        return None
    sound, _, described, declared = found
    if described != kind:
        return None
    unknown = declared in _UNKNOWN or sound.end > view.size
    return sound.start + layout.prefix, view.size if unknown else sound.end


def _resized(
    source: BinaryIO,
    start: int,
    whole: View,
    sound: _Chunk,
    field: tuple[int, str],
    layout: _Layout,
    ranges: list[tuple[int, int]],
) -> View:
    """Le même fichier, dont le bloc du son a la longueur de tous ces morceaux, et rien ne le suit."""
    length = sum(end - low for low, end in ranges)
    if layout.inclusive:
        length += layout.name + struct.calcsize(layout.size)
    place, code = field
    limit = (1 << 8 * struct.calcsize(code)) - 1
    patches: dict[int, Any] = {place: struct.pack(code, min(length, limit))}
    if whole.at(0, 4) == b"FORM":
        # Le lecteur d'AIFF cherche d'autres blocs jusqu'à la fin que celui-ci annonce.
        patches[4] = struct.pack(">I", min(sound.start + sum(end - low for low, end in ranges) - 8, 0xFFFFFFFF))
    pieces = [(start, start + sound.start), *((start + low, start + end) for low, end in ranges)]
    return View(source, pieces, patches)
