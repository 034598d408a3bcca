"""Une langue que rien ne dit, ni la requête ni l'écoute, est rendue comme supposée dans toutes les formes qui la disent."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import Recognition, RecognitionWindow
from server.formats import render
from server.formats.form import ResponseFormat, TranscriptForm
from server.worker.batcher import WindowBatcher
from server.worker.spooled import SpeechTools
from server.worker.transcription import FileTranscription
from tests.fakes.engines import FakeTranscribeEngine
from tests.support import audio_files
from tests.support.live_stream import MODEL, stream, talk


class AssumingEngine(FakeTranscribeEngine):
    """Ne reconnaît aucune langue : suppose le français."""

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Le dit des fenêtres dont rien ne dit la langue."""
        found = await super().transcribe(windows)
        return [
            replace(one, language_assumed=not window.options.language)
            for one, window in zip(found, windows, strict=True)
        ]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


@pytest.mark.parametrize("language", ["", "en"])
async def test_a_file_says_that_its_language_was_assumed(
    tmp_path: Path, pool: ThreadPoolExecutor, language: str
) -> None:
    # Deux fenêtres : la seconde reçoit la langue de la première, qui n'en est pas moins supposée.
    (tmp_path / "envoi").write_bytes(audio_files.wav(talk(12)))
    engine = AssumingEngine()
    tools = SpeechTools(tmp_path, Limits(), MODEL, pool)
    config = transcribe_pb2.TranscribeConfig(model="canary", language=language)
    request = link_pb2.Submit(id=1, spool_name="envoi", request_id="r1", payload=config.SerializeToString())
    items = [item async for item in FileTranscription(engine, tools, WindowBatcher(engine)).run(request)]
    assert len(engine.batches) > 1
    result = transcribe_pb2.UploadTranscribeResponse.FromString(items[-1]).result
    assert (result.language, result.language_assumed) == (language or "fr", not language)
    assert not result.HasField("language_probability")
    for form in (
        TranscriptForm(ResponseFormat.JSON, api=True),
        TranscriptForm(ResponseFormat.VERBOSE_JSON),
    ):
        shown = json.loads(render.transcription(result, config, form)[0])
        assert shown.get("language_assumed", False) is not bool(language)


@pytest.mark.parametrize("language", ["", "en"])
async def test_a_live_stream_says_that_its_language_was_assumed(pool: ThreadPoolExecutor, language: str) -> None:
    async with stream(pool, AssumingEngine(), language=language) as live:
        await live.send(talk(2))
        await live.finish()
    (summary,) = live.of("summary")
    assert (summary.language, summary.language_assumed) == (language or "fr", not language)
