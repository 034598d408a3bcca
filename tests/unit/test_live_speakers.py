"""Les locuteurs d'un direct : le mot et la voix se rencontrent, dans n'importe quel ordre."""

import json
import random
import tracemalloc

import pytest
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import voices_pb2

from server.front.audio.live_speakers import LiveSpeakers
from server.front.audio.speakers import separated
from server.front.audio.written import transcript_forms


def at(seconds: float) -> Duration:
    found = Duration()
    found.FromMicroseconds(round(seconds * 1e6))
    return found


def phrase(index: int, start: float, words: int, length: float = 0.5) -> audio_pb2.Segment:
    """Une phrase de mots réguliers."""
    times = [start + rank * length for rank in range(words + 1)]
    return audio_pb2.Segment(
        index=index,
        text=" ".join(f"mot{rank}" for rank in range(words)),
        start_offset=at(start),
        end_offset=at(times[-1]),
        words=[
            audio_pb2.Word(text=f"mot{rank}", start_offset=at(times[rank]), end_offset=at(times[rank + 1]))
            for rank in range(words)
        ],
    )


def window(start: float, end: float, label: str) -> voices_pb2.VoiceWindow:
    return voices_pb2.VoiceWindow(start=round(start * 16000), end=round(end * 16000), label=label)


def labels(segment: audio_pb2.Segment) -> list[str]:
    return [word.speaker_label for word in segment.words]


def test_words_cut_where_the_voice_changes_and_the_phrase_takes_the_most_of_them() -> None:
    found = LiveSpeakers(0, 16000)
    found.hear(voices_pb2.VoicesOutput(windows=[window(0, 1.4, "A"), window(1.5, 2.5, "B")]))
    said = phrase(0, 0.0, 5)
    found.name(said)
    assert labels(said) == ["A", "A", "A", "B", "B"] and said.speaker_label == "A"


def test_a_word_between_two_windows_goes_to_the_nearest() -> None:
    found = LiveSpeakers(0, 16000)
    found.hear(voices_pb2.VoicesOutput(windows=[window(1, 2, "A"), window(4, 5, "B")]))
    for middle, expected in ((0.1, "A"), (2.4, "A"), (3.6, "B"), (9.0, "B")):
        said = phrase(round(middle * 10), middle, 1, 0.01)
        found.name(said)
        assert labels(said) == [expected]


def test_a_revision_says_which_words_from_whom_to_whom() -> None:
    found = LiveSpeakers(0, 16000)
    first, second = phrase(0, 0.0, 4), phrase(3, 2.0, 4)
    found.name(first)
    found.name(second)
    assert set(labels(first) + labels(second)) == {"SPEAKER_00"}
    assert found.hear(voices_pb2.VoicesOutput(windows=[window(0, 1.5, "SPEAKER_00")])) == []
    (one, two) = found.hear(voices_pb2.VoicesOutput(windows=[window(1.5, 3, "B"), window(3, 4, "B")]))
    assert (one.utterance_index, one.first_word, one.word_count) == (0, 3, 1)
    assert (two.utterance_index, two.first_word, two.word_count) == (3, 0, 4)
    assert {(x.from_label, x.to_label) for x in (one, two)} == {("SPEAKER_00", "B")}
    change = voices_pb2.VoicesOutput(changes=[voices_pb2.VoiceChange(first=2, count=1, label="C")])
    (three,) = found.hear(change)
    assert (three.utterance_index, three.first_word, three.word_count) == (3, 2, 2)


def test_the_labels_told_are_those_of_the_whole_timeline_whatever_the_order() -> None:
    """Mots, fenêtres et changements tirés au sort : ce que le client a corrigé est ce que dit la suite des fenêtres."""
    for seed in range(30):
        chance = random.Random(seed)
        found = LiveSpeakers(0, 16000)
        told: dict[int, list[str]] = {}
        windows: list[str] = []
        words = 0
        for _ in range(40):
            kind = chance.choice(["mots", "fenêtres", "changement"])
            revisions = []
            if kind == "mots":
                said = phrase(words, words * 1.5, 3)
                words += 1
                found.name(said)
                told[said.index] = labels(said)
            elif kind == "fenêtres":
                names = [chance.choice("AB") for _ in range(2)]
                places = [(len(windows) + rank) * 1.1 for rank in range(2)]
                windows += names
                revisions = found.hear(
                    voices_pb2.VoicesOutput(
                        windows=[window(p, p + 1, name) for p, name in zip(places, names, strict=True)]
                    )
                )
            elif windows:
                first = chance.randrange(len(windows))
                label = chance.choice("ABC")
                windows[first] = label
                change = voices_pb2.VoiceChange(first=first, count=1, label=label)
                revisions = found.hear(voices_pb2.VoicesOutput(changes=[change]))
            for one in revisions:
                for rank in range(one.first_word, one.first_word + one.word_count):
                    assert told[one.utterance_index][rank] == one.from_label
                    told[one.utterance_index][rank] = one.to_label
        whole = LiveSpeakers(0, 16000)
        whole.hear(
            voices_pb2.VoicesOutput(windows=[window(r * 1.1, r * 1.1 + 1, name) for r, name in enumerate(windows)])
        )
        for index, before in told.items():
            said = phrase(index, index * 1.5, 3)
            whole.name(said)
            assert labels(said) == before


def test_an_hour_of_words_weighs_little() -> None:
    """Une heure de parole : 9 000 mots, 2 400 fenêtres ; moins d'un demi-Mio."""
    tracemalloc.start()
    try:
        found = LiveSpeakers(0, 16000)
        before = tracemalloc.get_traced_memory()[0]
        for index in range(900):
            found.name(phrase(index, index * 4.0, 10, 0.39))
            names = ["SPEAKER_00", "SPEAKER_01"]
            found.hear(
                voices_pb2.VoicesOutput(
                    windows=[window(index * 4.0 + r, index * 4.0 + r + 0.9, names[index % 2]) for r in range(3)]
                )
            )
        assert tracemalloc.get_traced_memory()[0] - before < 2**19
    finally:
        tracemalloc.stop()
    assert len(found.summaries()) == 2


async def test_the_forms_of_a_live_transcript_cut_where_the_speaker_changes() -> None:
    found = LiveSpeakers(0, 16000)
    found.hear(voices_pb2.VoicesOutput(windows=[window(0, 1.4, "A"), window(1.5, 2.5, "B")]))
    said = phrase(0, 0.0, 5)
    found.name(said)
    transcript = transcribe_pb2.TranscribeResponse(text=said.text, segments=[said])
    request = transcribe_pb2.WriteTranscriptRequest(transcript=transcript, formats=["rttm", "srt"])
    rttm, srt = [form.text for form in await transcript_forms(request)]
    assert [line.split()[7] for line in rttm.splitlines()] == ["A", "B"]
    assert "A : mot0 mot1 mot2" in srt and "B : mot3 mot4" in srt


async def test_the_forms_of_a_live_transcript_follow_its_words() -> None:
    """Un nom que quelques mots d'une phrase portent, et une phrase dont tous les mots ont changé de locuteur."""
    shared, moved = phrase(0, 0.0, 5), phrase(1, 3.0, 2)
    shared.speaker_label, moved.speaker_label, moved.language, moved.cut = "SPEAKER_00", "SPEAKER_00", "fr", True
    for word in shared.words[3:]:
        word.speaker_label = "Camille"
    for word in moved.words:
        word.speaker_label = "SPEAKER_01"
    transcript = transcribe_pb2.TranscribeResponse(
        text=f"{shared.text} {moved.text}", segments=[shared, moved], duration=moved.end_offset
    )
    request = transcribe_pb2.WriteTranscriptRequest(transcript=transcript, formats=["diarized_json", "rttm", "srt"])
    diarized, rttm, srt = [form.text for form in await transcript_forms(request)]
    assert [one["speaker"] for one in json.loads(diarized)["segments"]] == ["A", "Camille", "B"]
    assert [line.split()[7] for line in rttm.splitlines()] == ["SPEAKER_00", "Camille", "SPEAKER_01"]
    assert "Camille : mot3 mot4" in srt and "SPEAKER_01 : mot0 mot1" in srt
    last = separated(transcript).segments[-1]
    assert (last.text, last.language, last.cut, last.index) == (moved.text, "fr", True, 2)


@pytest.mark.parametrize("rate", [8000, 48000])
def test_a_resumed_stream_places_its_voices(rate: int) -> None:
    found = LiveSpeakers(100 * rate, rate)
    found.hear(voices_pb2.VoicesOutput(windows=[window(0, 1, "A"), window(1, 2, "B")]))
    said = phrase(0, 100.0, 4)
    found.name(said)
    assert labels(said) == ["A", "A", "B", "B"]
