"""Les mots d'un texte en sont des tranches, dans toutes les formes, quels que soient l'écriture et le moteur."""

import html
import json
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.engines.base_audio import Recognition, RecognizedSegment, RecognizedWord
from server.engines.common.sentences import segments_of, timed_words
from server.formats import openai_audio as openai
from server.formats import render
from server.formats.form import ResponseFormat, SubtitleStyle, TranscriptForm
from server.front.audio.speakers import attribute
from server.slices import joined, spans
from server.speech.utterances import Utterance
from server.speech.windows import Span
from server.worker.live_text import LiveTranscript, ShownText, text_of
from server.worker.spooled import duration
from server.worker.transcription import segment_of
from tests.support.deltas import delta_of
from tests.support.written import WRITTEN, Written

CONFIG = transcribe_pb2.TranscribeConfig(word_timestamps=True)
ENGINES = {"whisper": Written.from_whisper, "nemo": Written.from_nemo}


def response_of(found: tuple[RecognizedSegment, ...]) -> transcribe_pb2.TranscribeResponse:
    """Réponse typée à ce qu'un moteur a entendu."""
    segments = [segment_of(segment, 1.0, index) for index, segment in enumerate(found)]
    return transcribe_pb2.TranscribeResponse(
        id="r", text=joined(segment.text for segment in segments), segments=segments, duration=duration(9)
    )


def alternating() -> diarize_pb2.DiarizeResponse:
    """Deux locuteurs qui se coupent la parole toutes les 0,7 s."""
    return diarize_pb2.DiarizeResponse(
        exclusive_turns=[
            diarize_pb2.SpeakerTurn(
                speaker_label="AB"[rank % 2], start_offset=duration(rank * 0.7), end_offset=duration((rank + 1) * 0.7)
            )
            for rank in range(20)
        ]
    )


def check_slices(text: str, words: list[str]) -> None:
    """Vérifie que les mots couvrent le texte, aux espaces près, et n'en sont que des tranches."""
    places = spans(text, words)
    assert [text[start:end] for start, end in places] == words
    edges = [0, *(edge for place in places for edge in place), len(text)]
    assert all(text[a:b].strip() == "" for a, b in zip(edges[::2], edges[1::2], strict=True)), (text, words)


def cues(body: str) -> list[list[str]]:
    """Lignes de chaque réplique."""
    blocks = body.removeprefix("WEBVTT\n\n").strip("\n").split("\n\n")
    lines = [block.split("-->", 1)[1].split("\n")[1:] for block in blocks]
    return [[html.unescape(re.sub(r"^(<v .*?>|[AB] : )", "", line)) for line in cue] for cue in lines]


def check_forms(response: transcribe_pb2.TranscribeResponse) -> None:
    """Vérifie que toutes les formes d'une réponse disent son texte, par tranches."""
    text = response.text

    def shown(shape: ResponseFormat, *, api: bool = False) -> Any:
        body = render.transcription(response, CONFIG, TranscriptForm(shape, words=True, api=api))[0].decode()
        return json.loads(body) if "json" in shape.value else body

    assert shown(ResponseFormat.JSON)["text"] == text
    assert shown(ResponseFormat.TEXT) == f"{text}\n"
    verbose, typed = shown(ResponseFormat.VERBOSE_JSON), shown(ResponseFormat.JSON, api=True)
    diarized = shown(ResponseFormat.DIARIZED_JSON)
    check_slices(text, [word["word"] for word in verbose["words"]])
    check_slices(text, [word["text"] for segment in typed["segments"] for word in segment["words"]])
    for form in (verbose, typed, diarized):
        assert form["text"] == text
        assert joined(segment["text"] for segment in form["segments"]) == text
    for segment in response.segments:
        check_slices(segment.text, [word.text for word in segment.words])
    for shape in (ResponseFormat.SRT, ResponseFormat.VTT):
        lines = [line for cue in cues(shown(shape)) for line in cue]
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(
            line in text and (len(line) <= SubtitleStyle().max_line_length or " " not in line) for line in lines
        ), lines
    writer = openai.EventWriter(TranscriptForm())
    assert "".join(delta_of(writer, segment) for segment in response.segments) == text


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("written", WRITTEN, ids=lambda one: one.name)
def test_every_form_slices_the_text(written: Written, engine: str) -> None:
    response = response_of(ENGINES[engine](written))
    assert response.text == written.text
    check_forms(response)
    spoken = attribute(response, alternating())
    words = [word for segment in spoken.segments for word in segment.words]
    assert len({word.speaker_label for word in words}) == (2 if len(words) > 3 else 1)
    assert spoken.text == response.text
    check_forms(spoken)


@pytest.mark.parametrize("written", WRITTEN, ids=lambda one: one.name)
def test_a_word_is_what_the_text_separates(written: Written) -> None:
    assert [word.text for segment in written.from_whisper() for word in segment.words] == list(written.words)


@pytest.mark.parametrize("live", [False, True], ids=["fichier", "direct"])
def test_words_below_the_threshold_are_marked(live: bool) -> None:
    said = [RecognizedWord(text, at, at + 0.5, sure) for at, (text, sure) in enumerate([("oui", 0.9), ("non", 0.4)])]
    found = (
        RecognizedSegment("oui", 0.0, 0.5, (said[0],), 0.9),
        RecognizedSegment("non", 1.0, 1.5, (said[1],), 0.4),
        RecognizedSegment("bref", 2.0, 2.5, (), 0.4),
        RecognizedSegment("tu", 3.0, 3.5, (), None),
    )
    if live:
        utterance = Utterance(0, 0, np.zeros(0, np.float32), Span(0, 160_000))
        segments = [LiveTranscript("fr", 0.5).add(utterance, Recognition((one,), "fr", 0.9)) for one in found]
    else:
        segments = [segment_of(one, 0.0, index, low=0.5) for index, one in enumerate(found)]
    assert [segment.low_confidence for segment in segments] == [False, True, True, False]
    assert [word.low_confidence for segment in segments for word in segment.words] == [False, True]
    assert not any(segment_of(one, 0.0, 0).low_confidence for one in found)
    response = transcribe_pb2.TranscribeResponse(text="oui non bref tu", segments=segments, duration=duration(4))
    form = TranscriptForm(ResponseFormat.VERBOSE_JSON, words=True)
    verbose = json.loads(render.transcription(response, CONFIG, form)[0])
    api = json.loads(render.transcription(response, CONFIG, TranscriptForm(api=True))[0])
    spoken = [word for segment in api["segments"] for word in segment.get("words", ())]
    for words in (verbose["words"], spoken):
        assert [(word["confidence"], word.get("low_confidence")) for word in words] == [(0.9, None), (0.4, True)]
    for parts in (verbose["segments"], api["segments"]):
        assert [part.get("low_confidence") for part in parts] == [None, True, True, None]
        assert [part.get("confidence") for part in parts] == [0.9, 0.4, 0.4, None]


def test_a_part_is_marked_for_its_own_words_only() -> None:
    words = (RecognizedWord("oui", 0.0, 0.6, 0.9), RecognizedWord("non", 0.8, 1.3, 0.4))
    whole = segment_of(RecognizedSegment("oui non", 0.0, 1.3, words, 0.65), 0.0, 0, low=0.5)
    found = attribute(transcribe_pb2.TranscribeResponse(text=whole.text, segments=[whole]), alternating())
    assert [(part.text, part.low_confidence) for part in found.segments] == [("oui", False), ("non", True)]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda one: one.name)
def test_live_slices_the_text(written: Written) -> None:
    found = Recognition(written.from_whisper(), "fr", 0.9)
    transcript, shown = LiveTranscript(), ShownText()
    partial = shown.change(0, text_of(found))
    assert partial is not None and partial.text == written.text
    finals = [
        transcript.add(Utterance(index, 0, np.zeros(0, np.float32), Span(0, 160_000)), found) for index in range(2)
    ]
    for final in finals:
        assert final.text == written.text
        check_slices(final.text, [word.text for word in final.words])
    assert transcript.summary(seconds=20.0, speech=1).text == joined([written.text, written.text])


def test_windows_of_a_script_without_spaces_join_without_one() -> None:
    assert joined(["你好。", "再见。", "", "Bye.", "Bonjour", "東京"]) == "你好。再见。 Bye. Bonjour 東京"


@pytest.mark.parametrize(
    ("said", "tokens", "expected"),
    [
        ("Aligné sur un autre texte.", "aligne|sur|autre|texte", "Aligné|sur|un|autre|texte."),
        ("sans aucun jeton", "", "sans aucun jeton"),
        ("New York 2024", "New York|2024", "New|York|2024"),
    ],
)
def test_tokens_that_differ_from_the_text_lose_nothing(said: str, tokens: str, expected: str) -> None:
    parts = [part for part in tokens.split("|") if part]
    dated = timed_words([(part, rank * 0.5, rank * 0.5 + 0.4) for rank, part in enumerate(parts)], 3.0)
    [segment] = segments_of(said, dated, 3.0)
    assert segment.text == said
    assert [word.text for word in segment.words] == (expected.split("|") if parts else [])


def bounds(*found: tuple[float, float], seconds: float = 4.0) -> list[tuple[float, float]]:
    """Bornes données aux mots d'un texte dont le moteur a daté ces jetons."""
    tokens = timed_words([("mot", start, end) for start, end in found], seconds)
    segments = segments_of(" ".join(["mot"] * len(found)), tokens, seconds)
    return [(round(word.start, 3), round(word.end, 3)) for segment in segments for word in segment.words]


def test_an_unaligned_word_takes_the_time_between_its_neighbours() -> None:
    assert bounds((0.5, 1.0), (-1, -1), (1.2, 1.5)) == [(0.5, 1.0), (1.0, 1.2), (1.2, 1.5)]
    assert bounds((-1, -1), (1.0, 1.5), (-1, -1)) == [(0.76, 1.0), (1.0, 1.5), (1.5, 1.74)]
    assert bounds((-1, -1), (-1, -1), seconds=1.0) == [(0.0, 0.5), (0.5, 1.0)]
    assert bounds((0.5, 1.0), (float("nan"), 2.0), (1.0, 1.5)) == [(0.5, 0.75), (0.75, 1.0), (1.0, 1.5)]


@pytest.mark.parametrize(
    "found",
    [
        ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0)),
        ((0.0, 0.0), (9.0, 9.0), (9.0, 12.0)),
        ((3.999, 4.0), (4.0, 4.0), (-1, -1)),
        ((2.0, 1.0), (0.5, 3.5), (0.1, 0.2)),
        ((-1, -1), (0.0, 0.001), (0.0, 4.0), (-1, 3.0)),
        ((float("inf"), 1.0), (1.0, float("inf"))),
        tuple((i / 100, i / 100) for i in range(150)),
    ],
)
def test_words_are_in_order_in_the_window_and_last(found: tuple[tuple[float, float], ...]) -> None:
    times = bounds(*found)
    assert len(times) == len(found)
    assert all(0.0 <= start < end <= 4.0 for start, end in times), times
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(times)), times


def test_no_cue_is_empty() -> None:
    """Ce que NeMo n'a pas aligné avait une durée nulle dans les sous-titres."""
    dated = timed_words([("oui.", 0.0, 0.3), ("non.", -1, -1), ("si.", -1, -1)], 2.0)
    segments = [segment_of(segment, 0.0, index) for index, segment in enumerate(segments_of("oui. non. si.", dated, 2))]
    response = transcribe_pb2.TranscribeResponse(segments=segments)
    body = render.transcription(response, CONFIG, TranscriptForm(ResponseFormat.SRT))[0].decode()
    times = re.findall(r"(\S+) --> (\S+)", body)
    assert "oui. non. si." in body and times and all(start < end for start, end in times)


def test_words_a_foreign_engine_splits_stay_on_one_line() -> None:
    """Un moteur hors du dépôt peut couper un mot en deux : ses tranches restent collées."""
    text = "mot " * 9 + "ill-disposed man"
    words = [audio_pb2.Word(text=part) for part in [*["mot"] * 9, "ill", "-disposed", "man"]]
    response = transcribe_pb2.TranscribeResponse(segments=[audio_pb2.Segment(text=text, words=words)])
    body = render.transcription(response, CONFIG, TranscriptForm(ResponseFormat.VTT))[0].decode()
    assert [line for cue in cues(body) for line in cue] == [("mot " * 7).strip(), "mot mot ill-disposed man"]
