"""Les formes JSON des routes `/api`, et leurs noms ; les durées y sont des secondes."""

from collections.abc import Iterable
from typing import Any, cast

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

ENCODINGS = {
    name.removeprefix("AUDIO_ENCODING_").lower(): cast(audio_pb2.AudioEncoding, number)
    for name, number in audio_pb2.AudioEncoding.items()
    if number
}
"""Codages d'échantillons bruts."""


def seconds(value: Duration) -> float:
    """Durée en secondes, à la milliseconde."""
    return round(value.seconds + value.nanos / 1e9, 3)


def transcript_json(response: transcribe_pb2.TranscribeResponse) -> dict[str, Any]:
    """Transcription entière."""
    result: dict[str, Any] = {"id": response.id, "model": response.model, "language": response.language}
    if response.HasField("language_probability"):
        result["language_probability"] = response.language_probability
    if response.language_assumed:
        result["language_assumed"] = True
    result["duration"] = seconds(response.duration)
    result["text"] = response.text
    result["segments"] = [segment_json(segment) for segment in response.segments]
    if response.speakers:
        result["speakers"] = _speakers(response.speakers)
    result["coverage"] = _coverage(response.coverage)
    return result | audio_json(response)


def audio_json(response: transcribe_pb2.TranscribeResponse | diarize_pb2.DiarizeResponse) -> dict[str, Any]:
    """D'où vient l'audio, et ce qu'il a de douteux."""
    result: dict[str, Any] = {}
    if response.HasField("source"):
        source = response.source
        result["source"] = {
            "container": source.container,
            "codec": source.codec,
            "sample_rate_hertz": source.sample_rate_hertz,
            "channel_count": source.channel_count,
            "track_index": source.track_index,
            "track_count": source.track_count,
        }
    if response.warnings:
        result["warnings"] = [_warning(warning) for warning in response.warnings]
    return result


def segment_json(segment: audio_pb2.Segment) -> dict[str, Any]:
    """Segment, avec ses mots s'ils sont là."""
    result: dict[str, Any] = {"index": segment.index, **_span(segment), "text": segment.text}
    if segment.HasField("speaker_label"):
        result["speaker"] = segment.speaker_label
    if segment.HasField("confidence"):
        result["confidence"] = segment.confidence
    if segment.low_confidence:
        result["low_confidence"] = True
    if segment.HasField("language"):
        result["language"] = segment.language
    if segment.words:
        result["words"] = [_word(word) for word in segment.words]
    return result


def diarization_json(response: diarize_pb2.DiarizeResponse) -> dict[str, Any]:
    """Diarisation entière."""
    return {
        "id": response.id,
        "model": response.model,
        "duration": seconds(response.duration),
        "turns": [_turn(turn) for turn in response.turns],
        "exclusive_turns": [_turn(turn) for turn in response.exclusive_turns],
        "speakers": _speakers(response.speakers),
        "coverage": _coverage(response.coverage),
        **audio_json(response),
    }


def progress_json(progress: audio_pb2.AudioProgress) -> dict[str, Any]:
    """Avancement d'une étape."""
    result: dict[str, Any] = {"stage": progress.stage}
    if progress.HasField("completed_ratio"):
        result["completed_ratio"] = progress.completed_ratio
    result["processed_seconds"] = seconds(progress.processed_duration)
    return result


def _word(word: audio_pb2.Word) -> dict[str, Any]:
    result: dict[str, Any] = {"text": word.text, **_span(word)}
    if word.HasField("confidence"):
        result["confidence"] = word.confidence
    if word.low_confidence:
        result["low_confidence"] = True
    if word.HasField("speaker_label"):
        result["speaker"] = word.speaker_label
    return result


def _span(item: Any) -> dict[str, float]:
    return {"start": seconds(item.start_offset), "end": seconds(item.end_offset)}


def _turn(turn: diarize_pb2.SpeakerTurn) -> dict[str, Any]:
    return {"speaker": turn.speaker_label, **_span(turn)}


def _speakers(speakers: Iterable[diarize_pb2.SpeakerSummary]) -> list[dict[str, Any]]:
    result = []
    for speaker in speakers:
        entry: dict[str, Any] = {
            "speaker": speaker.speaker_label,
            "speech_seconds": seconds(speaker.speech_duration),
            "turns": speaker.turn_count,
        }
        if speaker.unknown:
            entry["unknown"] = True
        if speaker.embedding:
            entry["embedding"] = list(speaker.embedding)
        result.append(entry)
    return result


def _warning(warning: audio_pb2.AudioWarning) -> dict[str, Any]:
    reason = audio_pb2.AudioWarningReason.Name(warning.reason).removeprefix("AUDIO_WARNING_REASON_")
    result: dict[str, Any] = {"reason": reason, "message": warning.message, "metadata": dict(warning.metadata)}
    if warning.ranges:
        result["ranges"] = [_span(span) for span in warning.ranges]
    return result


def _coverage(coverage: audio_pb2.AudioCoverage) -> dict[str, Any]:
    return {
        "received_seconds": seconds(coverage.received_duration),
        "covered_seconds": seconds(coverage.covered_duration),
        "speech_seconds": seconds(coverage.speech_duration),
        "speech_without_words": [_span(span) for span in coverage.speech_without_words],
    }
