"""Ce qu'un diffuseur admet d'un sous-titre, sur des mots, des pauses et des locuteurs tirés au hasard."""

import html
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passerelle.v1 import audio_pb2, rest_pb2, transcribe_pb2

from server.domain import Limits
from server.errors import InvalidRequest
from server.formats import subtitles
from server.formats.cues import Cue, cues_of, name_of
from server.formats.form import SubtitleStyle
from server.front.audio.options import api_transcription, openai_transcription, openai_translation
from server.front.audio.subtitle_style import style_of
from server.slices import joined
from server.worker.spooled import duration
from tests.support import properties

assert properties.RANDOMS is not None

STYLE = SubtitleStyle()
WORD = st.text("abcdefghijklmnoé<&>", min_size=1, max_size=14)
END = st.sampled_from(("", "", "", "", ",", ".", "?", " :"))
SPOKEN = st.tuples(WORD, END, st.floats(0.05, 0.9), st.sampled_from((0.0, 0.0, 0.05, 0.4, 3.0)))
"""Mot, ce qui le suit, sa durée, et le silence d'après."""
NAMES = st.sampled_from(("", "SPEAKER_00", "Camille", "Jean-Baptiste de La Fontaine-Sous-Bois, président"))
SEGMENTS = st.lists(st.tuples(NAMES, st.lists(SPOKEN, min_size=1, max_size=30)), min_size=1, max_size=6)
STYLES = st.builds(
    SubtitleStyle,
    max_line_length=st.integers(10, 80),
    max_lines=st.integers(1, 3),
    max_characters_per_second=st.floats(5, 40),
    min_seconds=st.floats(0, 2),
    max_seconds=st.floats(2, 10),
    min_gap_seconds=st.floats(0, 0.5),
)


def segments_of(
    drawn: list[tuple[str, list[tuple[str, str, float, float]]]], overlap: float = 0.0
) -> list[audio_pb2.Segment]:
    """Segments qui se suivent, ou dont chacun commence un peu avant la fin du précédent."""
    clock, segments = 0.0, []
    for index, (name, spoken) in enumerate(drawn):
        start = clock = max(0.0, clock - overlap)
        words = []
        for text, end, lasting, silence in spoken:
            words.append(
                audio_pb2.Word(
                    text=text + end.strip(), start_offset=duration(clock), end_offset=duration(clock + lasting)
                )
            )
            clock += lasting + silence
        text = " ".join(word.text for word in words)
        segment = audio_pb2.Segment(
            index=index, text=text, start_offset=duration(start), end_offset=words[-1].end_offset, words=words
        )
        if name:
            segment.speaker_label = name
        segments.append(segment)
    return segments


def shown_lines(cue: Cue) -> list[str]:
    """Lignes telles que SubRip les montre, nom compris."""
    name = name_of(cue.speaker)
    return [name.rstrip(), *cue.lines] if cue.apart else [name + cue.lines[0], *cue.lines[1:]]


@given(SEGMENTS, STYLES, st.sampled_from((0.0, 0.7)))
def test_cues_keep_the_words_and_the_bounds(drawn: list, style: SubtitleStyle, overlap: float) -> None:  # type: ignore[type-arg]
    segments = segments_of(drawn, overlap)
    cues = cues_of(segments, style)
    # Aucun mot ne manque, ne se répète ni ne change de voix.
    assert sorted((cue.speaker, word) for cue in cues for line in cue.lines for word in line.split()) == sorted(
        (segment.speaker_label, word) for segment in segments for word in segment.text.split()
    )
    for cue in cues:
        lines = shown_lines(cue)
        words = " ".join(cue.lines).split()
        assert len(lines) <= style.max_lines or len(words) == 1, lines
        for line in lines:
            # Un mot, ou un nom, plus long que la ligne la dépasse seul.
            alone = len(line.removeprefix(name_of(cue.speaker)).split()) <= 1 or line == name_of(cue.speaker).rstrip()
            assert len(line) <= style.max_line_length or alone, line
        assert cue.start < cue.end and all(cue.lines)
    for cue, following in pairwise(cues):
        assert cue.end + style.min_gap_seconds <= following.start + 1e-9


@given(SEGMENTS, STYLES)
def test_a_cue_lasts_long_enough_when_nothing_presses_it(drawn: list, style: SubtitleStyle) -> None:  # type: ignore[type-arg]
    cues = cues_of(segments_of(drawn), style)
    for rank, cue in enumerate(cues):
        letters = sum(map(len, cue.lines)) + len(name_of(cue.speaker))
        wanted = min(style.max_seconds, max(style.min_seconds, letters / style.max_characters_per_second))
        pressed = rank + 1 < len(cues) and cue.start + wanted + style.min_gap_seconds > cues[rank + 1].start - 1e-9
        assert pressed or cue.end - cue.start >= wanted - 1e-9
        split = len(" ".join(cue.lines).split()) > 1
        assert not split or cue.end - cue.start <= max(style.max_seconds, style.min_seconds) + 1e-6


@given(SEGMENTS)
def test_both_files_say_the_same_cues(drawn: list) -> None:  # type: ignore[type-arg]
    segments = segments_of(drawn)
    response = transcribe_pb2.TranscribeResponse(segments=segments, text=joined(one.text for one in segments))
    srt, vtt = subtitles.srt(response, STYLE), subtitles.vtt(response, STYLE)
    stamps = re.findall(r"(\S+) --> (\S+)", vtt)
    assert [(a.replace(",", "."), b.replace(",", ".")) for a, b in re.findall(r"(\S+) --> (\S+)", srt)] == stamps
    voices = [html.unescape(name) for name in re.findall(r"^<v ([^>]*)>", vtt, re.MULTILINE)]
    assert voices == [cue.speaker for cue in cues_of(segments, STYLE) if cue.speaker]


def said(text: str, *, start: float = 0.0, each: float = 0.3, speaker: str = "") -> audio_pb2.Segment:
    """Segment dont chaque mot dure autant."""
    [segment] = segments_of([(speaker, [(word, "", each, 0.0) for word in text.split()])])
    items: list[Any] = [segment, *segment.words]
    for item in items:
        item.start_offset.CopyFrom(duration(item.start_offset.ToMicroseconds() / 1e6 + start))
        item.end_offset.CopyFrom(duration(item.end_offset.ToMicroseconds() / 1e6 + start))
    return segment


def test_no_word_is_left_alone() -> None:
    """Quatre-vingts lettres et un mot : le dernier ne fait pas à lui seul une réplique, ni une ligne."""
    text = "Nous avons longuement parlé du budget de la prochaine année et des projets en cours là"
    [first, second] = cues_of([said(text)], STYLE)
    assert min(len(" ".join(cue.lines).split()) for cue in (first, second)) >= 3
    [alone] = cues_of([said("Nous reprendrons cette question demain matin ici")], STYLE)
    assert len(alone.lines) == 2 and min(map(len, alone.lines)) > 15


def test_a_brief_answer_joins_its_neighbour_or_lasts() -> None:
    [joint] = cues_of([said("Oui."), said("Nous commençons.", start=0.35)], STYLE)
    assert joint.lines == ("Oui. Nous commençons.",)
    [brief, _] = cues_of([said("Oui."), said("Nous commençons.", start=5.0)], STYLE)
    assert brief.end == brief.start + STYLE.min_seconds
    # Deux voix ne partagent jamais une réplique.
    two = cues_of([said("Oui.", speaker="A"), said("Nous commençons.", start=0.35, speaker="B")], STYLE)
    assert [cue.speaker for cue in two] == ["A", "B"]


def test_the_name_counts_in_its_line() -> None:
    long = "Un nom qui prend presque toute la ligne"
    text = "anticonstitutionnellement dit"
    [cue] = cues_of([said(text, speaker=long)], STYLE)
    assert cue.apart and shown_lines(cue) == [f"{long} :", text]
    cues = cues_of([said(f"{text} {text} {text}", speaker="Camille")], STYLE)
    assert all(len(line) <= STYLE.max_line_length for cue in cues for line in shown_lines(cue))


def test_a_segment_without_words_is_cut_too() -> None:
    segment = audio_pb2.Segment(text="mot " * 40, start_offset=duration(10.0), end_offset=duration(26.0))
    cues = cues_of([segment], STYLE)
    assert len(cues) > 1 and all(len(cue.lines) <= 2 for cue in cues)
    assert cues[0].start == 10.0 and cues[-1].start < 26.0


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_the_style_is_followed(lines: int) -> None:
    style = replace(STYLE, max_lines=lines, max_line_length=20)
    cues = cues_of([said("mot " * 60)], style)
    assert max(len(cue.lines) for cue in cues) == lines


def test_the_settings_come_by_every_door() -> None:
    wanted = SubtitleStyle(max_line_length=32, min_seconds=0.5)
    typed = transcribe_pb2.SubtitleStyle(max_line_length=32, min_seconds=0.5)
    fields = {"model": ["m"], "response_format": ["vtt"]}
    nested = {"subtitles[max_line_length]": ["32"], "subtitles.min_seconds": ["0.5"]}
    query = rest_pb2.TranscribeAudioRequest(response_format="srt", subtitles=typed)
    assert style_of(typed) == wanted and style_of(transcribe_pb2.SubtitleStyle()) == STYLE
    for read in (openai_transcription, openai_translation):
        assert read(fields | nested, Limits()).form.style == wanted
        assert read(fields, Limits()).form.style == STYLE
    assert api_transcription(query, {}, Limits()).form.style == wanted
    assert api_transcription(query, nested | {"subtitles[max_lines]": ["1"]}, Limits()).form.style.max_lines == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subtitles[max_line_length]", "9"),
        ("subtitles.max_lines", "deux"),
        ("subtitles.max_lines", "-1"),
        ("subtitles[max_characters_per_second]", "nan"),
        ("subtitles[min_seconds]", "inf"),
        ("subtitles[max_seconds]", "0"),
        ("subtitles[font]", "Arial"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_its_name(name: str, value: str) -> None:
    fields = {"model": ["m"], "response_format": ["srt"], name: [value]}
    with pytest.raises(InvalidRequest) as refused:
        openai_transcription(fields, Limits())
    assert refused.value.metadata["field"] == name.replace("[", ".").rstrip("]")
    with pytest.raises(InvalidRequest, match="response_format"):
        openai_transcription({"model": ["m"], "subtitles[max_lines]": ["2"]}, Limits())
    with pytest.raises(InvalidRequest, match="max_seconds"):
        style_of(transcribe_pb2.SubtitleStyle(min_seconds=4, max_seconds=2))
