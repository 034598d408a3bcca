"""Les formes de l'API audio d'OpenAI : `json`, `verbose_json`, `diarized_json`, et les événements SSE."""

import math
import zlib
from typing import Any

from passerelle.v1 import audio_pb2, transcribe_pb2

from server.formats.api import audio_json, seconds
from server.formats.form import ResponseFormat, TranscriptForm
from server.languages import language_name
from server.slices import joint

_LEAST_CONFIDENCE = 1e-10
"""Confiance que l'on dit d'un segment qui n'en a aucune : son logarithme doit être un nombre."""


def json_body(response: transcribe_pb2.TranscribeResponse) -> dict[str, Any]:
    """Forme `json`."""
    return {"text": response.text, "usage": usage(response)}


def verbose_json_body(
    response: transcribe_pb2.TranscribeResponse, config: transcribe_pb2.TranscribeConfig, form: TranscriptForm
) -> dict[str, Any]:
    """Forme `verbose_json`, avec les segments et les mots demandés."""
    translate = config.task == transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE
    result: dict[str, Any] = {
        "task": "translate" if translate else "transcribe",
        "language": language_name(response.language),
        "duration": seconds(response.duration),
        "text": response.text,
    }
    if response.language_assumed:
        result["language_assumed"] = True
    if form.segments:
        result["segments"] = [_segment(segment, config.temperature) for segment in response.segments]
    if form.words:
        result["words"] = [_word(word) for segment in response.segments for word in segment.words]
    result["usage"] = usage(response)
    return result | audio_json(response)


def diarized_json_body(response: transcribe_pb2.TranscribeResponse, form: TranscriptForm) -> dict[str, Any]:
    """Forme `diarized_json` ; les voix sans nom y sont des lettres, dans l'ordre de leur entrée."""
    names = _Names(form)
    return {
        "task": "transcribe",
        "duration": seconds(response.duration),
        "text": response.text,
        "segments": [_diarized(segment, names) for segment in response.segments],
        "usage": usage(response),
    }


def usage(response: transcribe_pb2.TranscribeResponse) -> dict[str, Any]:
    """Durée comptée, en secondes entières."""
    return {"type": "duration", "seconds": math.ceil(seconds(response.duration))}


class EventWriter:
    """Événements SSE d'une transcription ; la somme des deltas est le texte entier."""

    def __init__(self, form: TranscriptForm) -> None:
        self._diarized = form.format is ResponseFormat.DIARIZED_JSON
        self._names = _Names(form)
        self._last = ""
        self._ahead = False
        """Vrai si le texte part avant ses locuteurs."""

    def spoken(self, event: transcribe_pb2.UploadTranscribeResponse) -> dict[str, Any] | None:
        """Événement d'un segment, ou de son texte d'avance ; `None` si tout en est déjà parti."""
        if event.HasField("draft"):
            # Ceux de canaux à part ne viennent pas dans l'ordre du texte.
            if event.draft.HasField("speaker_label"):
                return None
            self._ahead = True
            return self._delta(event.draft)
        if self._diarized:
            return _diarized(event.segment, self._names)
        return None if self._ahead else self._delta(event.segment)

    def _delta(self, segment: audio_pb2.Segment) -> dict[str, Any]:
        delta = joint(self._last, segment.text) + segment.text
        self._last = segment.text or self._last
        return {"type": "transcript.text.delta", "delta": delta}

    def done(self, response: transcribe_pb2.TranscribeResponse) -> dict[str, Any]:
        """Dernier événement."""
        return {"type": "transcript.text.done", "text": response.text, "usage": usage(response)}


def _segment(segment: audio_pb2.Segment, temperature: float) -> dict[str, Any]:
    start = seconds(segment.start_offset)
    text = segment.text.encode()
    speaker = {"speaker": segment.speaker_label} if segment.HasField("speaker_label") else {}
    # Les types d'OpenAI veulent des nombres : 0 quand le moteur n'en donne pas.
    confidence = max(segment.confidence, _LEAST_CONFIDENCE) if segment.HasField("confidence") else 1.0
    return {
        "id": segment.index,
        # En trames de 10 ms, l'unité de Whisper.
        "seek": round(start * 100),
        "start": start,
        "end": seconds(segment.end_offset),
        "text": segment.text,
        **({"language": language_name(segment.language)} if segment.language else {}),
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": math.log(confidence),
        "compression_ratio": len(text) / len(zlib.compress(text)),
        "no_speech_prob": segment.no_speech_probability,
        **_sure(segment),
        **speaker,
    }


def _word(word: audio_pb2.Word) -> dict[str, Any]:
    speaker = {"speaker": word.speaker_label} if word.HasField("speaker_label") else {}
    span = {"start": seconds(word.start_offset), "end": seconds(word.end_offset)}
    return {"word": word.text, **span, **_sure(word), **speaker}


def _sure(part: audio_pb2.Segment | audio_pb2.Word) -> dict[str, Any]:
    """Confiance d'un mot ou d'un segment, si le moteur la donne ; OpenAI n'a pas ces champs."""
    if not part.HasField("confidence"):
        return {}
    return {"confidence": part.confidence, **({"low_confidence": True} if part.low_confidence else {})}


def _diarized(segment: audio_pb2.Segment, names: "_Names") -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{segment.index}",
        "start": seconds(segment.start_offset),
        "end": seconds(segment.end_offset),
        "speaker": names.of(segment.speaker_label),
        "text": segment.text,
    }


class _Names:
    """Nom d'un locuteur connu, ou lettre d'une voix sans nom."""

    def __init__(self, form: TranscriptForm) -> None:
        self._known = form.names
        self._letters: dict[str, str] = {}

    def of(self, label: str) -> str:
        """Ce qui s'écrit de cette étiquette."""
        return label if label in self._known else self._letters.setdefault(label, _letter(len(self._letters)))


def _letter(rank: int) -> str:
    """A … Z, puis AA, AB…"""
    name = ""
    rank += 1
    while rank:
        rank, rest = divmod(rank - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
