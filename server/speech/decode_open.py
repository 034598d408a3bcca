"""Ce qu'est un fichier reçu, et sa piste à décoder ; ce qui ne convient pas est refusé avant le premier échantillon."""

from typing import Any

import av.stream

from server.speech.decode_sniff import container, foreign, names
from server.speech.decode_view import View

_BARE = {"g722": 16000}
"""Fréquence des codages sans en-tête annoncés par un type ou une extension, quand ce n'est pas 8 kHz."""
_DEAF = av.stream.Disposition.hearing_impaired | av.stream.Disposition.visual_impaired


class Refusal(Exception):
    """Refus à rendre au client."""

    def __init__(self, reason: str, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.body = {"reason": reason, "message": message, "metadata": {k: str(v) for k, v in metadata.items()}}


def recognised(view: View, job: dict[str, Any]) -> tuple[str, dict[str, str], int, int]:
    """Démultiplexeur, ses options s'il n'y a pas d'en-tête, premier octet, et octets passés sans les comprendre."""
    raw, rate, channels = job["raw_format"], job["raw_rate"], job["raw_channels"]
    if not raw:
        name, start, skipped = container(view)
        # Le type ou l'extension annoncés ne servent que si l'en-tête ne dit rien : du bruit a des airs de trames.
        if name and not (skipped and job["assumed_format"]):
            return name, {}, start, skipped
        what = foreign(view)
        raw, rate, channels = job["assumed_format"], 8000, 1
        if what or not raw:
            raise Refusal(
                "INVALID_AUDIO",
                f"Ce fichier n'est pas de l'audio connu : on y voit {what or 'un contenu inconnu'} (acceptés : "
                f"{', '.join(names())} ; ou des échantillons bruts, avec encoding et sample_rate_hertz).",
                field="file",
                value=view.at(0, 8).hex(),
            )
        rate = _BARE.get(raw, rate)
    check_stream(rate, channels, job)
    return raw, {"sample_rate": str(rate), "ch_layout": f"{channels}c"}, 0, 0


def track(opened: Any) -> tuple[Any, int, int]:
    """Piste à décoder, son rang parmi celles de son, et leur nombre : celle par défaut, sinon la première."""
    tracks = [stream for stream in opened.streams if stream.type == "audio"]
    if not tracks:
        raise Refusal("INVALID_AUDIO", "Le fichier ne contient aucune piste audio.", field="file")

    def merit(stream: Any) -> tuple[bool, bool]:
        return not stream.disposition & _DEAF, bool(stream.disposition & av.stream.Disposition.default)

    stream = max(tracks, key=merit)
    if stream.codec_context is None:
        raise Refusal("INVALID_AUDIO", "La piste audio a un codage que ce serveur ne sait pas lire.", field="file")
    return stream, tracks.index(stream), len(tracks)


def unreadable(name: str, error: Exception) -> Refusal:
    """Le démultiplexeur n'en veut pas, ou n'en vient pas à bout."""
    detail = getattr(error, "strerror", None) or str(error)
    return Refusal("INVALID_AUDIO", f"Le fichier ({name}) est illisible ou tronqué.", field="file", detail=detail)


def check_stream(rate: int, channels: int, job: dict[str, Any]) -> None:
    """Refuse une fréquence ou des canaux hors limites."""
    low, high = job["min_sample_rate_hertz"], job["max_sample_rate_hertz"]
    if not low <= rate <= high:
        limit = low if rate < low else high
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"sample_rate_hertz : la fréquence de {rate} Hz est hors des limites ({low} à {high} Hz).",
            field="sample_rate_hertz",
            limit=limit,
            value=rate,
        )
    if not 1 <= channels <= job["max_channels"]:
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"channel_count : {channels} canaux, hors des limites (1 à {job['max_channels']}).",
            field="channel_count",
            limit=job["max_channels"],
            value=channels,
        )
