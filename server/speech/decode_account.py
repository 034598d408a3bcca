"""Ce qui, des octets reçus, n'est pas dans le son rendu, ou n'y est pas tel quel : dit une fois le décodage fini."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import av
import av.error

from server.speech.decode_sizes import Sized
from server.speech.decode_tail import SILENT_BYTES, undecoded

_MISSING_SECONDS = 0.5
"""Écart à la durée annoncée qu'un codec ou un arrondi explique."""
_CUT_BYTES = 1024
"""Reste d'une fin illisible qu'une trame coupée explique."""
_MAX_RANGES = 100
"""Intervalles nommés un à un, au plus."""


@dataclass(frozen=True, slots=True)
class Told:
    """Ce que le décodage a vu passer."""

    opened: Any
    stream: Any
    read: Sized
    seconds: float
    """Durée rendue."""
    reached: int
    """Fin du dernier paquet dont quelque chose est sorti."""
    skipped: int
    """Octets passés au début, sans les comprendre."""
    stuffed: int
    """Octets joints à des trames sans en être."""
    spoilt: bool
    """La fin n'a pas pu être décodée."""
    gaps: Sequence[tuple[float, float]]
    """Instant et durée de ce que le temps du conteneur saute."""
    cancelled: Sequence[tuple[float, float, int]]
    """Intervalles où un canal a remplacé la moyenne, et son rang."""

    @property
    def name(self) -> str:
        """Nom du conteneur."""
        return str(self.opened.format.name).split(",", maxsplit=1)[0]


def warnings(told: Told) -> list[dict[str, Any]]:
    """Avertissements, dans l'ordre de leurs raisons."""
    found: list[dict[str, Any]] = []

    def warn(reason: str, message: str, ranges: Sequence[tuple[float, float]] = (), **metadata: object) -> None:
        details = {name: str(value) for name, value in metadata.items()}
        found.append({"reason": reason, "message": message, "ranges": ranges[:_MAX_RANGES], "metadata": details})

    if told.cancelled:
        channels = sorted({channel + 1 for *_, channel in told.cancelled})
        warn(
            "CHANNELS_CANCELLED",
            "Des canaux s'annulent l'un l'autre ; là, le plus fort a été pris au lieu de leur moyenne.",
            [(start, end) for start, end, _ in told.cancelled],
            channels=",".join(map(str, channels)),
        )
    if told.read.added:
        warn(
            "LENGTH_CORRECTED",
            f"L'en-tête oublie {told.read.added} octets de son, qui ont été décodés aussi.",
            bytes=told.read.added,
        )
    if (expected := _announced(told)) > told.seconds:
        warn(
            "AUDIO_TRUNCATED",
            f"L'en-tête annonce {expected:.1f} s de son ; {told.seconds:.1f} s sont là.",
            announced_seconds=f"{expected:.3f}",
            seconds=f"{told.seconds:.3f}",
        )
    if (cut := _left_out(told)) > _MISSING_SECONDS:
        warn(
            "EDIT_LIST_APPLIED",
            f"La liste de montage du fichier écarte {cut:.1f} s de son, qui n'ont pas été analysées.",
            seconds=f"{cut:.3f}",
        )
    if told.gaps:
        missing = sum(length for _, length in told.gaps)
        warn(
            "AUDIO_GAP",
            f"D'après le temps du fichier, {missing:.1f} s y manquent ; ce qui suit est avancé d'autant.",
            [(where, where) for where, _ in told.gaps],
            seconds=f"{missing:.3f}",
            count=len(told.gaps),
        )
    if left := _not_decoded(told):
        warn(
            "BYTES_NOT_DECODED", f"{left} octets du fichier ne donnent aucun son et n'ont pas été analysés.", bytes=left
        )
    return found


def _announced(told: Told) -> float:
    """Durée que l'en-tête annonce et que le fichier n'a pas ; 0 s'il n'annonce rien de tel."""
    if told.read.lost:
        rate = told.stream.codec_context.bit_rate or told.opened.bit_rate
        lost = 8 * told.read.lost / rate if rate else 0.0
        return told.seconds + lost if lost > _MISSING_SECONDS else 0.0
    length = 0.0
    if told.name in ("flac", "mov"):
        length = float(told.stream.duration * told.stream.time_base) if told.stream.duration else 0.0
    elif told.name == "matroska" and len(told.opened.streams) == 1:
        # La durée de ce conteneur est celle de toutes ses pistes.
        length = told.opened.duration / av.time_base if told.opened.duration else 0.0
    return length if length - told.seconds > max(_MISSING_SECONDS, 0.01 * length) else 0.0


def _left_out(told: Told) -> float:
    """Secondes que la liste de montage d'un MP4 écarte."""
    stream = told.stream
    if told.name != "mov" or not stream.duration:
        return 0.0
    told.read.view.seek(0)
    try:
        with av.open(told.read.view, "r", format="mov", options={"ignore_editlist": "1"}) as other:
            whole = other.streams[stream.index]
            return float((whole.duration or 0) * whole.time_base - stream.duration * stream.time_base)
    except (av.error.FFmpegError, ValueError, IndexError):
        return 0.0


def _not_decoded(told: Told) -> int:
    left = told.skipped if told.skipped > SILENT_BYTES else 0
    left += told.stuffed if told.name == "flac" else 0
    left += told.read.left or undecoded(told.name, told.read.view, told.reached)
    rest = told.read.view.size - told.reached
    return rest if told.spoilt and not left and rest > _CUT_BYTES else left
