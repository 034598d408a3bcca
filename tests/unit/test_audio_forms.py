"""Les formes d'une transcription : les mêmes mots partout, et un locuteur à chaque mot."""

import json
import re
from dataclasses import replace
from typing import Any

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.formats import openai_audio as openai
from server.formats import render
from server.formats.form import ResponseFormat, SubtitleStyle, TranscriptForm
from server.front.audio.speakers import attribute
from tests.support.deltas import delta_of


def at(seconds: float) -> Duration:
    """Durée."""
    value = Duration()
    value.FromMicroseconds(round(seconds * 1e6))
    return value


def segment(index: int, start: float, text: str, *, words: list[str] | None = None) -> audio_pb2.Segment:
    """Segment dont chaque mot dure une demi-seconde."""
    parts = text.split() if words is None else words
    spoken = [
        audio_pb2.Word(text=w, start_offset=at(start + i / 2), end_offset=at(start + i / 2 + 0.4), confidence=0.5)
        for i, w in enumerate(parts)
    ]
    end = at(start + len(parts) / 2)
    return audio_pb2.Segment(
        index=index, text=text, start_offset=at(start), end_offset=end, words=spoken, confidence=0.5
    )


def transcript(*segments: audio_pb2.Segment) -> transcribe_pb2.TranscribeResponse:
    """Transcription de 3 700,25 s."""
    return transcribe_pb2.TranscribeResponse(
        id="r1",
        model="m",
        language="fr",
        text=" ".join(s.text for s in segments),
        segments=segments,
        duration=at(3700.25),
    )


TEXTS = (
    "Bonjour à tous, & bienvenue <ici> !",
    "Un deuxième segment bien plus long que les deux lignes de quarante-deux caractères qu'une réplique admet.",
    "Fin.",
)
LONG = transcript(segment(0, 1.0, TEXTS[0]), segment(1, 3599.9, TEXTS[1]), segment(2, 3680.0, TEXTS[2]))
CONFIG = transcribe_pb2.TranscribeConfig(word_timestamps=True)
FORM = TranscriptForm(words=True)


def shown(shape: ResponseFormat, *, api: bool = False, response: Any = LONG) -> tuple[str, str]:
    """Corps et type d'une forme."""
    body, kind = render.transcription(response, CONFIG, replace(FORM, format=shape, api=api))
    return body.decode(), kind


def cue_words(text: str) -> list[str]:
    """Mots des répliques d'un fichier de sous-titres."""
    lines = [x for x in text.splitlines() if x and "-->" not in x and not x.isdigit() and x != "WEBVTT"]
    plain = " ".join(lines).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return plain.split()


def test_every_form_holds_the_same_words() -> None:
    expected = LONG.text.split()
    verbose = json.loads(shown(ResponseFormat.VERBOSE_JSON)[0])
    typed = json.loads(shown(ResponseFormat.JSON, api=True)[0])
    writer = openai.EventWriter(FORM)
    deltas = "".join(delta_of(writer, s) for s in LONG.segments)
    forms = {
        "json": json.loads(shown(ResponseFormat.JSON)[0])["text"].split(),
        "text": shown(ResponseFormat.TEXT)[0].split(),
        "srt": cue_words(shown(ResponseFormat.SRT)[0]),
        "vtt": cue_words(shown(ResponseFormat.VTT)[0]),
        "verbose": verbose["text"].split(),
        "verbose segments": " ".join(s["text"] for s in verbose["segments"]).split(),
        "verbose words": [w["word"] for w in verbose["words"]],
        "diarized": json.loads(shown(ResponseFormat.DIARIZED_JSON)[0])["text"].split(),
        "api": typed["text"].split(),
        "api words": [w["text"] for s in typed["segments"] for w in s["words"]],
        "deltas": deltas.split(),
    }
    for name, words in forms.items():
        assert words == expected, name
    assert deltas == writer.done(LONG)["text"]


def test_subtitles_are_short_timed_and_escaped() -> None:
    srt, kind = shown(ResponseFormat.SRT)
    assert kind.startswith("application/x-subrip")
    assert "00:00:01,000 --> " in srt and "00:59:59,900 --> " in srt and "01:01:20,000 --> 01:01:21,000" in srt
    for block in srt.strip().split("\n\n"):
        number, times, *lines = block.split("\n")
        assert number.isdigit() and re.fullmatch(r"[\d:,]{12} --> [\d:,]{12}", times)
        assert 1 <= len(lines) <= 2 and all(len(line) <= SubtitleStyle().max_line_length for line in lines)
    vtt, kind = shown(ResponseFormat.VTT)
    assert vtt.startswith("WEBVTT\n\n00:00:01.000") and kind.startswith("text/vtt")
    assert "&lt;ici&gt;" in vtt and "&amp;" in vtt


def test_verbose_json_says_only_what_is_known() -> None:
    first = json.loads(shown(ResponseFormat.VERBOSE_JSON)[0])
    assert first["language"] == "french" and first["usage"] == {"type": "duration", "seconds": 3701}
    assert first["segments"][0]["avg_logprob"] < 0 and first["segments"][0]["no_speech_prob"] == 0
    only_words = replace(FORM, format=ResponseFormat.VERBOSE_JSON, segments=False)
    assert "segments" not in json.loads(render.transcription(LONG, CONFIG, only_words)[0])


def turns(*spans: tuple[str, float, float]) -> diarize_pb2.DiarizeResponse:
    """Diarisation aux tours exclusifs."""
    made = [diarize_pb2.SpeakerTurn(speaker_label=s, start_offset=at(a), end_offset=at(b)) for s, a, b in spans]
    speakers = [diarize_pb2.SpeakerSummary(speaker_label=s) for s in sorted({s for s, _, _ in spans})]
    return diarize_pb2.DiarizeResponse(id="r1", turns=made, exclusive_turns=made, speakers=speakers)


def test_segments_are_cut_where_the_speaker_changes() -> None:
    said = transcript(segment(0, 0.0, "oui non, peut-être bien !"), segment(1, 10.0, "seul"))
    said.segments[0].language = "de"
    found = attribute(said, turns(("B", 0.0, 0.95), ("A", 0.95, 3.0)))
    assert [s.language for s in found.segments] == ["de", "de", ""]
    told = json.loads(shown(ResponseFormat.VERBOSE_JSON, response=found)[0])["segments"]
    assert [s.get("language") for s in told] == ["german", "german", None]
    assert [(s.index, s.speaker_label, s.text) for s in found.segments] == [
        (0, "B", "oui non,"),
        (1, "A", "peut-être bien !"),
        (2, "A", "seul"),
    ]
    assert all(w.speaker_label == s.speaker_label for s in found.segments for w in s.words)
    assert found.text == said.text
    assert [w.text for s in found.segments for w in s.words] == [w.text for s in said.segments for w in s.words]
    letters = json.loads(shown(ResponseFormat.DIARIZED_JSON, response=found)[0])["segments"]
    assert [s["speaker"] for s in letters] == ["A", "B", "B"]
    assert "<v B>oui" in shown(ResponseFormat.VTT, response=found)[0]
    assert "B : oui" in shown(ResponseFormat.SRT, response=found)[0]


def test_a_language_without_spaces_is_not_broken() -> None:
    said = transcript(segment(0, 0.0, "今日はいい天気", words=["今日", "は", "いい", "天気"]))
    found = attribute(said, turns(("A", 0.0, 0.9), ("B", 0.9, 3.0)))
    assert [s.text for s in found.segments] == ["今日は", "いい天気"]


def test_without_any_turn_nobody_is_named() -> None:
    said = transcript(segment(0, 0.0, "oui non"))
    found = attribute(said, diarize_pb2.DiarizeResponse())
    assert [s.HasField("speaker_label") for s in found.segments] == [False]


def test_rttm_has_a_line_per_turn() -> None:
    body, kind = render.diarization(turns(("A", 0.5, 2.0), ("B", 1.25, 3.0)), rttm=True)
    assert kind.startswith("text/plain")
    assert body.decode().splitlines() == [
        "SPEAKER r1 1 0.500 1.500 <NA> <NA> A <NA> <NA>",
        "SPEAKER r1 1 1.250 1.750 <NA> <NA> B <NA> <NA>",
    ]


def test_a_name_is_not_a_channel_in_rttm() -> None:
    body, _ = render.diarization(turns(("CHANNEL_2", 0.0, 1.0), ("CHANNEL_2 bis", 1.0, 2.0)), rttm=True)
    assert body.decode().splitlines() == [
        "SPEAKER r1 2 0.000 1.000 <NA> <NA> CHANNEL_2 <NA> <NA>",
        "SPEAKER r1 1 1.000 1.000 <NA> <NA> CHANNEL_2_bis <NA> <NA>",
    ]
