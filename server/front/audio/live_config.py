"""La configuration d'un flux en direct, vérifiée avant de choisir un exemplaire."""

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, transcribe_pb2

from server.domain import Limits
from server.errors import InvalidRequest, UnsupportedOption
from server.front.audio.options import FIXED_RATES, check_transcribe
from server.front.checks import check_range

_MAX_RESUME_SECONDS = 31_557_600_000
"""Mille ans : au-delà, un `Duration` ne saurait plus écrire les instants."""


def check_live(config: transcribe_pb2.StreamTranscribeConfig, limits: Limits) -> None:
    """Vérifie la configuration d'un flux en direct.

    Raises:
        InvalidRequest: valeur absente ou hors limites, nommée.
        UnsupportedOption: canaux à part, codage de fichier, ou empreintes demandées.
        AudioLimitExceeded: fréquence ou canaux hors limites.
    """
    common = config.config
    if not common.audio_format.encoding:
        raise InvalidRequest(
            "audio_format.encoding : obligatoire pour un flux en direct (échantillons bruts).",
            metadata={"field": "audio_format.encoding"},
        )
    if common.audio_format.encoding in FIXED_RATES:
        raise UnsupportedOption(
            "audio_format.encoding : ce codage ne se lit que d'un fichier ; envoyez des échantillons, ou du G.711.",
            metadata={"field": "audio_format.encoding"},
        )
    if common.channels == audio_pb2.AUDIO_CHANNELS_SEPARATE:
        raise UnsupportedOption(
            "channels : les canaux d'un flux en direct sont mélangés ; ouvrez un flux par canal.",
            metadata={"field": "channels", "value": "separate"},
        )
    if common.diarization.embeddings:
        raise UnsupportedOption(
            "diarization.embeddings : les empreintes d'un direct finissent avec lui ; envoyez un fichier.",
            metadata={"field": "diarization.embeddings", "value": "true"},
        )
    check_transcribe(common, limits)
    check_range("resume_sample", config.resume_sample, 0, _MAX_RESUME_SECONDS * common.audio_format.sample_rate_hertz)
    _check_duration(
        "endpoint_silence",
        config.endpoint_silence if config.HasField("endpoint_silence") else None,
        limits.min_endpoint_silence_seconds,
        limits.max_endpoint_silence_seconds,
    )
    _check_duration(
        "max_utterance",
        config.max_utterance if config.HasField("max_utterance") else None,
        limits.min_utterance_seconds,
        limits.max_utterance_seconds,
    )


def _check_duration(field: str, value: Duration | None, low: float, high: float) -> None:
    if value is not None:
        check_range(field, value.ToMicroseconds() / 1e6, low, high)
