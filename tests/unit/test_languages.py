"""La langue que la requête ne dit pas : les premières secondes de parole en décident, un changement se voit."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import (
    SAMPLE_RATE,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
    RecognizedWord,
    Wave,
)
from server.engines.whisper.engine import joined_parts, part_of
from server.engines.whisper.languages import Run, longest_pause, pieces_of, runs_of
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from server.worker.languages import Languages
from server.worker.spooled import SpeechTools
from server.worker.transcription import FileTranscription
from tests.fakes.engines import FakeTranscribeEngine
from tests.support import audio_files

SPEECH = audio_files.speech()


class Polyglot(FakeTranscribeEngine):
    """Reconnaît d'avance la langue de chaque fenêtre ; son texte dit celle où il l'a lue."""

    def __init__(self, *heard: tuple[str, float]) -> None:
        super().__init__(max_batch=2)
        self.heard = list(heard)
        self.asked: list[RecognitionWindow] = []

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Une fenêtre sans langue prend la suivante."""
        self.asked += windows
        return [self._read(len(window.samples) / SAMPLE_RATE, window.options) for window in windows]

    def _read(self, seconds: float, options: RecognitionOptions) -> Recognition:
        if options.language:
            return Recognition((RecognizedSegment(f"={options.language}", 0.0, seconds),), options.language)
        language, probability = self.heard.pop(0)
        return Recognition((RecognizedSegment(language, 0.0, seconds),), language, probability)


def file_of(*seconds: float) -> Wave:
    """Prises de parole de ces durées, que séparent deux secondes et demie."""
    gap = np.zeros(int(2.5 * SAMPLE_RATE), np.float32)
    return np.concatenate([part for s in seconds for part in (np.resize(SPEECH, int(s * SAMPLE_RATE)), gap)])


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


async def events(
    pool: ThreadPoolExecutor, folder: Path, engine: FakeTranscribeEngine, wave: Wave, language: str = ""
) -> list[transcribe_pb2.UploadTranscribeResponse]:
    """Tout ce que rend une transcription de fichier."""
    (folder / "f").write_bytes(audio_files.wav(wave))
    tools = SpeechTools(folder, Limits(), VadModel(), pool)
    config = transcribe_pb2.TranscribeConfig(language=language)
    request = link_pb2.Submit(request_id="r", spool_name="f", payload=config.SerializeToString(), stream=True)
    run = FileTranscription(engine, tools, WindowBatcher(engine)).run(request)
    return [transcribe_pb2.UploadTranscribeResponse.FromString(item) async for item in run]


@pytest.mark.parametrize(
    ("seconds", "heard", "language", "texts", "languages"),
    [
        # Un mot étranger douteux, puis la langue du fichier : refait dans celle-ci.
        ((1, 19), (("en", 0.6), ("fr", 0.99)), "fr", ["=fr", "fr"], ["fr", "fr"]),
        # Un mot étranger certain garde sa langue.
        ((1, 19), (("en", 0.9), ("fr", 0.99)), "fr", ["en", "fr"], ["en", "fr"]),
        # Un changement durable se voit, et les doutes qui suivent vont à la langue du moment.
        (
            (20, 15, 1, 12), (("fr", 0.99), ("en", 0.97), ("cy", 0.4), ("en", 0.9)),
            "fr", ["fr", "en", "=en", "en"], ["fr", "en", "en", "en"],
        ),
        # Rien de certain : la plus entendue.
        ((2, 3, 6), (("nl", 0.5), ("de", 0.3), ("fr", 0.6)), "fr", ["=fr", "=fr", "fr"], ["fr", "fr", "fr"]),
        # Deux fenêtres douteuses attendent la troisième.
        ((1, 1, 8), (("en", 0.6), ("es", 0.7), ("fr", 0.95)), "fr", ["=fr", "=fr", "fr"], ["fr", "fr", "fr"]),
        # Une seule fenêtre, douteuse : la sienne.
        ((2,), (("nl", 0.4),), "nl", ["nl"], ["nl"]),
    ],
)  # fmt: skip
async def test_the_first_seconds_of_speech_decide(
    pool: ThreadPoolExecutor,
    tmp_path: Path,
    seconds: Sequence[float],
    heard: Sequence[tuple[str, float]],
    language: str,
    texts: list[str],
    languages: list[str],
) -> None:
    engine = Polyglot(*heard)
    found = await events(pool, tmp_path, engine, file_of(*seconds))
    result = found[-1].result
    assert result.language == language and 0 < result.language_probability < 1
    assert [segment.text for segment in result.segments] == texts
    assert [segment.language for segment in result.segments] == languages
    streamed = [event.segment for event in found if event.HasField("segment")]
    assert streamed == list(result.segments)
    assert [segment.index for segment in streamed] == list(range(len(seconds)))


async def test_a_language_asked_is_not_looked_for(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    engine = Polyglot()
    result = (await events(pool, tmp_path, engine, file_of(1, 4), language="es"))[-1].result
    assert result.language == "es" and not result.HasField("language_probability")
    assert [segment.language for segment in result.segments] == ["es", "es"]


async def test_the_engine_knows_where_speech_pauses(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    gap = np.zeros(int(0.8 * SAMPLE_RATE), np.float32)
    engine = Polyglot(("fr", 0.9))
    await events(pool, tmp_path, engine, np.concatenate([SPEECH[:64000], gap, SPEECH[:64000]]))
    [window] = engine.asked
    assert all(0 <= start < end <= len(window.samples) for start, end in window.speech)
    assert any(before[1] < 70_000 and after[0] > 64_000 for before, after in pairwise(window.speech))


def test_the_language_is_decided_when_the_rest_cannot_change_it() -> None:
    def heard(*found: tuple[str, float, float]) -> Languages:
        languages = Languages("")
        for language, probability, seconds in found:
            languages.hear(Recognition((RecognizedSegment("x", 0, 1),), language, probability), seconds)
        return languages

    assert not heard(("fr", 1.0, 14.0)).decided
    assert heard(("fr", 1.0, 16.0)).decided
    assert heard(("fr", 0.3, 15.0), ("en", 0.4, 16.0)).decided
    # Ce qui vient après les trente premières secondes n'en décide plus.
    assert heard(("fr", 0.9, 31.0), ("en", 1.0, 600.0)).likely == "fr"
    assert heard(("fr", 0.5, 10.0), ("fr", 1.0, 10.0)).probability == 0.75


def test_a_window_is_cut_where_its_language_changes() -> None:
    second = SAMPLE_RATE
    speech = [(0, 1 * second), (2 * second, 6 * second), (7 * second, 12 * second), (13 * second, 14 * second)]
    assert pieces_of(speech, 14 * second) == [(0, 6.5 * second), (6.5 * second, 14 * second)]
    near = [(0, 11 * second), (12 * second, 13 * second), (15 * second, 20 * second)]
    assert pieces_of(near, 20 * second) == [(0, 14 * second), (14 * second, 20 * second)]
    assert longest_pause(near) == 14 * second and longest_pause(near[:1]) == longest_pause(()) == 0
    assert pieces_of((), 5) == [(0, 5)] and pieces_of([(0, 5)], 5) == [(0, 5)]
    pieces = [(0, 4), (4, 8), (8, 16)]
    assert runs_of(pieces, [("fr", 0.9), ("fr", 0.3), ("en", 0.8)]) == [Run(0, 8, "fr", 0.9), Run(8, 16, "en", 0.8)]
    assert runs_of(pieces, [("cy", 0.3), ("en", 0.9), ("en", 0.9)]) == [Run(0, 16, "en", 0.9)]
    [only] = runs_of(pieces, [("cy", 0.5), ("la", 0.4), ("en", 0.6)])
    assert (only.start, only.end, only.language) == (0, 16, "en") and only.probability == pytest.approx(0.3)


def test_parts_of_a_window_come_back_in_its_time() -> None:
    wave = np.zeros(10 * SAMPLE_RATE, np.float32)
    window = RecognitionWindow(wave, RecognitionOptions(), ((0, 48_000), (64_000, 160_000)))
    parts = [part_of(window, 0, 56_000, "en"), part_of(window, 56_000, 160_000, "fr")]
    assert [part.speech for part in parts] == [((0, 48_000),), ((8_000, 104_000),)]
    told = [
        Recognition((RecognizedSegment(text, 0.5, 2.0, (RecognizedWord(text, 0.5, 2.0),)),), text)
        for text in ("en", "fr")
    ]
    found = joined_parts(parts, told, [0.8, 0.9])
    assert (found.language, found.language_probability) == ("fr", 0.9)
    assert [(one.text, one.language, one.start, one.end) for one in found.segments] == [
        ("en", "en", 0.5, 2.0),
        ("fr", "fr", 4.0, 5.5),
    ]
    assert [(word.start, word.end) for one in found.segments for word in one.words] == [(0.5, 2.0), (4.0, 5.5)]
