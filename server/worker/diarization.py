"""Une diarisation de fichier : l'onde entière, projetée depuis un fichier sans nom, puis le moteur.

La parole se cherche à côté (`listening.py`) : dès que l'onde est entière et qu'une parole y est entendue, le moteur
commence.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import IO

import numpy as np
from passerelle.v1 import audio_pb2, diarize_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.base_audio import Diarization, DiarizationOptions, DiarizeEngine, Turn, Wave
from server.link.inputs import RequestInput
from server.speech.level import faint, raise_faint
from server.worker.listening import Listening
from server.worker.spooled import ProgressGate, SpeechTools, SpooledAudio, coverage, duration, prove_analysed


class FileDiarization:
    """Mène les diarisations de fichiers d'un exemplaire."""

    def __init__(self, engine: DiarizeEngine, tools: SpeechTools) -> None:
        self._engine = engine
        self._tools = tools

    async def run(self, request: link_pb2.Submit, _inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Avancements si `request.stream`, puis le résultat : des `UploadDiarizeResponse` sérialisés."""
        config = diarize_pb2.DiarizeConfig.FromString(request.payload)
        options = _options(config)
        audio = SpooledAudio(self._tools, request.spool_name, config.audio_format)
        gate = ProgressGate()
        loop = asyncio.get_running_loop()
        found = Diarization((), ())
        # Sans nom dès l'ouverture : rien ne reste, quoi qu'il arrive à ce processus.
        with tempfile.TemporaryFile(dir=self._tools.spool_dir) as file:
            async with Listening(self._tools, file) as heard:
                async with aclosing(audio.waves()) as waves:
                    async for wave, ratio in waves:
                        heard.grew(await loop.run_in_executor(self._tools.pool, _write, file, wave))
                        if request.stream and gate.opens():
                            yield _progress("decoding", ratio, ratio * audio.seconds or None)
                heard.end()
                if await heard.speech():
                    whole = await loop.run_in_executor(self._tools.pool, _project, file)
                    if faint(whole):
                        # La parole se cherche dans l'onde telle qu'elle est venue.
                        await heard.over()
                        await loop.run_in_executor(self._tools.pool, raise_faint, whole)
                    async with aclosing(self._analyse(whole, options, audio.seconds)) as steps:
                        async for step in steps:
                            if isinstance(step, Diarization):
                                found = step
                            elif request.stream:
                                yield step
                await heard.over()
        cutter = heard.cutter
        prove_analysed(cutter.received, cutter.analysed, audio.seconds)
        result = audio.about.on(_result(request.request_id, config, found, audio.seconds, cutter.speech))
        yield diarize_pb2.UploadDiarizeResponse(result=result).SerializeToString()

    async def _analyse(
        self, wave: Wave, options: DiarizationOptions, seconds: float
    ) -> AsyncGenerator[bytes | Diarization, None]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        gate = ProgressGate()

        def report(stage: str, ratio: float) -> None:
            if gate.opens():
                loop.call_soon_threadsafe(queue.put_nowait, _progress(stage, ratio, ratio * seconds))

        work = asyncio.create_task(self._engine.diarize(wave, options, report))
        work.add_done_callback(lambda _task: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            yield work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def _write(file: IO[bytes], wave: Wave) -> int:
    """Écrit une suite de l'onde, aussitôt lisible ; rend ses octets."""
    count = file.write(wave.tobytes())
    file.flush()
    return count


def _project(file: IO[bytes]) -> Wave:
    return np.memmap(file, np.float32, mode="r+")


def _options(config: diarize_pb2.DiarizeConfig) -> DiarizationOptions:
    return DiarizationOptions(
        num_speakers=config.num_speakers if config.HasField("num_speakers") else None,
        min_speakers=config.min_speakers if config.HasField("min_speakers") else None,
        max_speakers=config.max_speakers if config.HasField("max_speakers") else None,
        embeddings=config.embeddings,
    )


def _progress(stage: str, ratio: float, seconds: float | None) -> bytes:
    progress = audio_pb2.AudioProgress(
        stage=stage,
        completed_ratio=min(1.0, ratio),
        processed_duration=duration(seconds) if seconds is not None else None,
    )
    return diarize_pb2.UploadDiarizeResponse(progress=progress).SerializeToString()


def _result(
    request_id: str, config: diarize_pb2.DiarizeConfig, found: Diarization, seconds: float, speech: int
) -> diarize_pb2.DiarizeResponse:
    labels = sorted({turn.speaker for turn in (*found.turns, *found.exclusive_turns)})
    return diarize_pb2.DiarizeResponse(
        id=request_id,
        model=config.model,
        turns=[_turn(turn) for turn in found.turns],
        exclusive_turns=[_turn(turn) for turn in found.exclusive_turns],
        speakers=[_summary(label, found) for label in labels],
        duration=duration(seconds),
        coverage=coverage(seconds, speech),
    )


def _turn(turn: Turn) -> diarize_pb2.SpeakerTurn:
    return diarize_pb2.SpeakerTurn(
        speaker_label=turn.speaker, start_offset=duration(turn.start), end_offset=duration(turn.end)
    )


def _summary(label: str, found: Diarization) -> diarize_pb2.SpeakerSummary:
    turns = [turn for turn in found.turns if turn.speaker == label]
    return diarize_pb2.SpeakerSummary(
        speaker_label=label,
        speech_duration=duration(sum(turn.end - turn.start for turn in turns)),
        turn_count=len(turns),
        embedding=found.embeddings.get(label, ()),
    )
