"""Les fichiers que le serveur rend, écrits pour que la page prouve qu'elle rend les mêmes.

`python -m tests.support.dashboard_formats` les récrit dans `tests/data/dashboard_formats.json`.
"""

import json
from typing import Any

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.formats import render
from server.formats.form import ResponseFormat, TranscriptForm
from server.slices import joined
from server.worker.transcription import segment_of
from tests.support.audio_files import DATA
from tests.support.written import WRITTEN, Written

PATH = DATA / "dashboard_formats.json"

_CONFIG = transcribe_pb2.TranscribeConfig(word_timestamps=True)
_EXTENSIONS = {
    "srt": ResponseFormat.SRT,
    "vtt": ResponseFormat.VTT,
    "txt": ResponseFormat.TEXT,
    "json": ResponseFormat.JSON,
}
_LONG = (
    "Un segment bien plus long que les deux lignes de quarante-deux caractères qu'une réplique de sous-titre admet "
    "à l'écran, dont un anticonstitutionnellement-interminable-et-indivisible-mot 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉 & <voilà> !"
)


def cases() -> list[dict[str, Any]]:
    """Chaque cas : son nom, la réponse JSON, et les fichiers que le serveur en fait."""
    return [
        _transcript("mots", _segment(0, 0.0, "Bonjour, & bienvenue <ici> !"), _segment(1, 3599.9996, _LONG)),
        _transcript("sans mots", _segment(0, 1.0005, "Une\u00a0phrase\u2003aux\x85espaces\ufeffrares", words=False)),
        _transcript("sans mots, longue", _segment(0, 86399.25, _LONG, words=False), _segment(1, 90000.0, "")),
        _transcript("locuteurs", *(_segment(i, i * 9.1, _LONG, speaker=f"SPEAKER_0{i}<&>") for i in range(3))),
        *(_written(one) for one in WRITTEN),
        _transcript("muet"),
        _diarization("tours", [(0.031, 7.0995, "SPEAKER_00"), (6.4, 7.4, "SPEAKER_01"), (3599.9, 86400.1234, "X")]),
        _diarization("aucun tour", []),
    ]


def _transcript(name: str, *segments: audio_pb2.Segment) -> dict[str, Any]:
    response = transcribe_pb2.TranscribeResponse(
        id="r1",
        model="m",
        language="fr",
        language_probability=0.98125,
        text=joined(s.text for s in segments),
        segments=segments,
        duration=_at(3700.25),
    )
    files = {
        extension: render.transcription(response, _CONFIG, TranscriptForm(shape, api=True))[0].decode()
        for extension, shape in _EXTENSIONS.items()
    }
    return {"name": name, "json": files["json"], "files": files}


def _written(one: Written) -> dict[str, Any]:
    return _transcript(one.name, *(segment_of(part, 0.5, index) for index, part in enumerate(one.from_whisper())))


def _diarization(name: str, turns: list[tuple[float, float, str]]) -> dict[str, Any]:
    response = diarize_pb2.DiarizeResponse(
        id="r2",
        turns=[
            diarize_pb2.SpeakerTurn(speaker_label=speaker, start_offset=_at(start), end_offset=_at(end))
            for start, end, speaker in turns
        ],
        duration=_at(90000.0),
    )
    body = render.diarization(response)[0].decode()
    rttm = render.diarization(response, rttm=True)[0].decode()
    return {"name": name, "json": body, "files": {"json": body, "rttm": rttm}}


def _segment(index: int, start: float, text: str, *, words: bool = True, speaker: str = "") -> audio_pb2.Segment:
    spoken = [
        audio_pb2.Word(text=word, start_offset=_at(start + rank / 3), end_offset=_at(start + rank / 3 + 0.2999))
        for rank, word in enumerate(text.split() if words else [])
    ]
    return audio_pb2.Segment(
        index=index,
        text=text,
        start_offset=_at(start),
        end_offset=_at(start + 12.34567),
        words=spoken,
        speaker_label=speaker or None,
    )


def _at(seconds: float) -> Duration:
    value = Duration()
    value.FromMicroseconds(round(seconds * 1e6))
    return value


def written() -> str:
    """Texte du fichier des cas."""
    return json.dumps(cases(), ensure_ascii=True, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
