"""Des réponses du serveur, et le message par lequel la page en redemande les formes : elle prouve qu'elle fait le même.

`python -m tests.support.dashboard_formats` les récrit dans `tests/data/dashboard_formats.json`.
"""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.formats import api
from server.slices import joined
from server.worker.transcription import segment_of
from tests.support.audio_files import DATA
from tests.support.written import WRITTEN, Written

PATH = DATA / "dashboard_formats.json"
Response = transcribe_pb2.TranscribeResponse | diarize_pb2.DiarizeResponse
Named = tuple[str, Response]

_LONG = (
    "Un segment bien plus long que les deux lignes de quarante-deux caractères qu'une réplique de sous-titre admet "
    "à l'écran, dont un anticonstitutionnellement-interminable-et-indivisible-mot 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉 & <voilà> !"
)


def cases() -> list[dict[str, Any]]:
    """Chaque cas : son nom, la réponse JSON, et le message que la page en fait."""
    return [
        {"name": name, "json": body_of(response), "message": json_format.MessageToDict(asked(body_of(response)))}
        for name, response in responses()
    ]


def body_of(response: Response) -> str:
    """Réponse JSON de `/api`."""
    if isinstance(response, diarize_pb2.DiarizeResponse):
        return json.dumps(api.diarization_json(response), ensure_ascii=False)
    return json.dumps(api.transcript_json(response), ensure_ascii=False)


def responses() -> list[Named]:
    """Réponses de toutes les écritures, avec et sans mots, avec et sans locuteurs."""
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


def _transcript(name: str, *segments: audio_pb2.Segment) -> Named:
    response = transcribe_pb2.TranscribeResponse(
        id="r1",
        model="m",
        language="fr",
        language_probability=0.98125,
        text=joined(s.text for s in segments),
        segments=segments,
        duration=_at(3700.25),
    )
    return name, response


def _written(one: Written) -> Named:
    return _transcript(one.name, *(segment_of(part, 0.5, index) for index, part in enumerate(one.from_whisper())))


def _diarization(name: str, turns: list[tuple[float, float, str]]) -> Named:
    response = diarize_pb2.DiarizeResponse(
        id="r2",
        turns=[
            diarize_pb2.SpeakerTurn(speaker_label=speaker, start_offset=_at(start), end_offset=_at(end))
            for start, end, speaker in turns
        ],
        duration=_at(90000.0),
    )
    return name, response


def asked(body: str) -> Response:
    """Message que la page fait d'une réponse ; il ne porte que ce que les formes écrivent."""
    found = json.loads(body)
    if "turns" in found:
        turns = [diarize_pb2.SpeakerTurn(speaker_label=turn["speaker"], **_span(turn)) for turn in found["turns"]]
        return diarize_pb2.DiarizeResponse(id=found["id"], turns=turns, duration=_at(found["duration"]))
    return transcribe_pb2.TranscribeResponse(
        id=found["id"],
        language=found["language"],
        text=found["text"],
        duration=_at(found["duration"]),
        segments=[
            audio_pb2.Segment(
                index=segment["index"],
                text=segment["text"],
                speaker_label=segment.get("speaker"),
                words=[audio_pb2.Word(text=word["text"], **_span(word)) for word in segment.get("words", [])],
                **_span(segment),
            )
            for segment in found["segments"]
        ],
    )


def _span(item: dict[str, Any]) -> dict[str, Any]:
    return {"start_offset": _at(item["start"]), "end_offset": _at(item["end"])}


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
