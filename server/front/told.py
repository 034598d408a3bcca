"""Ce que la note d'une requête retient de ses options : des nombres et des choix, jamais un contenu.

Un texte libre (consigne, suite d'arrêt, nom de fichier) n'y est pas ; une langue y est un code.
"""

from collections.abc import Mapping
from typing import Any

from passerelle.v1 import diarize_pb2, transcribe_pb2

from server.rpc.notes import note

_KEPT = frozenset(("max_tokens", "temperature", "top_p", "n", "seed", "presence_penalty", "frequency_penalty"))


def chat_told(data: Mapping[str, Any]) -> dict[str, Any]:
    """Options d'une conversation ou d'une complétion déjà vérifiée, sous leurs noms de `RequestOptions`."""
    found = {name: value for name, value in data.items() if name in _KEPT and value is not None}
    if shape := data.get("response_format"):
        found["format"] = shape["type"]
    if tools := data.get("tools"):
        found["tools"] = len(tools)
    return found


def tell_transcribe(config: transcribe_pb2.TranscribeConfig, form: str = "") -> None:
    """Note les options d'une transcription vérifiée."""
    _tell(_speakers(config.diarization) | _spoken(config, form))


def tell_diarize(config: diarize_pb2.DiarizeConfig, form: str = "") -> None:
    """Note celles d'une diarisation ; d'une transcription avec locuteurs, elles sont déjà dites."""
    _tell(_speakers(config) | {"format": form})


def _spoken(config: transcribe_pb2.TranscribeConfig, form: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "format": form,
        "language": config.language,
        "translate": config.task == transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE,
        "target_language": config.target_language,
        "word_timestamps": config.word_timestamps,
        "speakers": config.HasField("diarization"),
    }
    return found | {name: getattr(config, name) for name in ("temperature", "punctuation") if config.HasField(name)}


def _speakers(config: diarize_pb2.DiarizeConfig) -> dict[str, Any]:
    counts = ("num_speakers", "min_speakers", "max_speakers")
    return {name: getattr(config, name) for name in counts if config.HasField(name)}


def _tell(options: dict[str, Any]) -> None:
    if (found := note.get()) is not None and found.options is None:
        found.options = options
