"""Une transcription canal par canal : chacun est transcrit à part, et tient lieu de locuteur.

Le fichier est décodé une fois ; chaque canal, ramené à 16 kHz, attend dans la réserve, et se transcrit comme un
fichier. Leurs fenêtres se mêlent dans les mêmes lots.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import IO

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import EngineFailed, InvalidAudio
from server.link.inputs import RequestInput
from server.speech.resample import Resampler
from server.worker.spooled import About, SpeechTools, audio_request

Run = Callable[[link_pb2.Submit, RequestInput | None], AsyncGenerator[bytes, None]]

_PCM = audio_pb2.AudioFormat(
    encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=SAMPLE_RATE, channel_count=1
)


class ChannelTranscription:
    """Mène une transcription, ou autant qu'il y a de canaux si la requête les veut à part."""

    def __init__(self, run: Run, tools: SpeechTools) -> None:
        """`run` transcrit un fichier d'un canal."""
        self._run = run
        self._tools = tools

    async def run(self, request: link_pb2.Submit, inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Mêmes événements ; les segments de plusieurs canaux ne partent qu'à la fin, dans l'ordre du temps."""
        config = transcribe_pb2.TranscribeConfig.FromString(request.payload)
        if config.channels != audio_pb2.AUDIO_CHANNELS_SEPARATE:
            async with aclosing(self._run(request, inputs)) as events:
                async for event in events:
                    yield event
            return
        if not request.spool_name or request.spool_name != Path(request.spool_name).name:
            raise InvalidAudio("Aucun fichier audio n'accompagne la requête.", metadata={"field": "file"})
        async with AsyncExitStack() as stack:
            names: list[str] = []
            about = await self._split(request.spool_name, config.audio_format, stack, names)
            progress: asyncio.Queue[tuple[int, audio_pb2.AudioProgress] | None] = asyncio.Queue()
            tasks = [
                asyncio.create_task(self._channel(rank, name, request, config, progress))
                for rank, name in enumerate(names)
            ]
            whole = asyncio.gather(*tasks)
            whole.add_done_callback(lambda _all: progress.put_nowait(None))
            try:
                ratios = [0.0] * len(tasks)
                while (step := await progress.get()) is not None:
                    rank, told = step
                    ratios[rank] = told.completed_ratio
                    told.completed_ratio = min(ratios)
                    yield transcribe_pb2.UploadTranscribeResponse(progress=told).SerializeToString()
                found = about.on(merged(await whole))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, whole, return_exceptions=True)
        if request.stream:
            for segment in found.segments:
                yield transcribe_pb2.UploadTranscribeResponse(segment=segment).SerializeToString()
        yield transcribe_pb2.UploadTranscribeResponse(result=found).SerializeToString()

    async def _split(
        self, name: str, audio_format: audio_pb2.AudioFormat, stack: AsyncExitStack, names: list[str]
    ) -> About:
        """Écrit un fichier par canal dans la réserve, effacé avec `stack`."""
        loop = asyncio.get_running_loop()
        tools = self._tools
        files: list[IO[bytes]] = []
        resamplers: list[Resampler] = []
        asked = audio_request(audio_format, separate=True)
        async with tools.decoder.decoding(tools.spool_dir / name, tools.limits, asked) as decoded:
            async with aclosing(decoded.blocks()) as blocks:
                async for block in blocks:
                    if not files:
                        names += [f"{name}.{rank}" for rank in range(len(block.channels))]
                        files = [stack.enter_context(_temporary(tools.spool_dir / one)) for one in names]
                        resamplers = [Resampler(decoded.rate) for _ in names]
                    await loop.run_in_executor(tools.pool, _write, files, resamplers, block.channels)
            await loop.run_in_executor(tools.pool, _finish, files, resamplers)
            return About.of(decoded)

    async def _channel(
        self,
        rank: int,
        name: str,
        request: link_pb2.Submit,
        config: transcribe_pb2.TranscribeConfig,
        progress: "asyncio.Queue[tuple[int, audio_pb2.AudioProgress] | None]",
    ) -> transcribe_pb2.TranscribeResponse:
        alone = transcribe_pb2.TranscribeConfig()
        alone.CopyFrom(config)
        alone.channels = audio_pb2.AUDIO_CHANNELS_MIXED
        alone.audio_format.CopyFrom(_PCM)
        asked = link_pb2.Submit()
        asked.CopyFrom(request)
        asked.spool_name, asked.payload = name, alone.SerializeToString()
        found: transcribe_pb2.TranscribeResponse | None = None
        async with aclosing(self._run(asked, None)) as events:
            async for event in events:
                told = transcribe_pb2.UploadTranscribeResponse.FromString(event)
                if told.HasField("progress"):
                    progress.put_nowait((rank, told.progress))
                elif told.HasField("result"):
                    found = told.result
        if found is None:
            raise EngineFailed("La réponse du moteur s'est interrompue.")
        return found


def label(rank: int) -> str:
    """Locuteur d'un canal, compté depuis 1."""
    return f"CHANNEL_{rank + 1}"


def merged(channels: list[transcribe_pb2.TranscribeResponse]) -> transcribe_pb2.TranscribeResponse:
    """Une transcription de celles des canaux, dans l'ordre du temps."""
    # La langue du tout est celle du canal qui parle le plus.
    main = max(channels, key=lambda one: one.coverage.speech_duration.ToMicroseconds())
    result = transcribe_pb2.TranscribeResponse()
    result.CopyFrom(main)
    del result.segments[:]
    spoken: list[audio_pb2.Segment] = []
    speech = 0
    silent: list[audio_pb2.TimeRange] = []
    for rank, one in enumerate(channels):
        for segment in one.segments:
            segment.speaker_label = label(rank)
            for word in segment.words:
                word.speaker_label = label(rank)
            spoken.append(segment)
        speech += one.coverage.speech_duration.ToMicroseconds()
        silent += one.coverage.speech_without_words
        result.speakers.append(
            diarize_pb2.SpeakerSummary(
                speaker_label=label(rank),
                speech_duration=one.coverage.speech_duration,
                turn_count=len(one.segments),
            )
        )
    spoken.sort(key=lambda segment: (segment.start_offset.ToMicroseconds(), segment.speaker_label))
    for index, segment in enumerate(spoken):
        segment.index = index
        result.segments.append(segment)
    result.text = " ".join(segment.text for segment in spoken)
    result.coverage.speech_duration.FromMicroseconds(speech)
    del result.coverage.speech_without_words[:]
    result.coverage.speech_without_words.extend(sorted(silent, key=lambda span: span.start_offset.ToMicroseconds()))
    return result


def _write(files: list[IO[bytes]], resamplers: list[Resampler], channels: Wave) -> None:
    for file, resampler, wave in zip(files, resamplers, channels, strict=True):
        file.write(resampler.push(wave).tobytes())


def _finish(files: list[IO[bytes]], resamplers: list[Resampler]) -> None:
    for file, resampler in zip(files, resamplers, strict=True):
        file.write(resampler.flush().tobytes())
        file.flush()


@contextmanager
def _temporary(path: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    finally:
        path.unlink(missing_ok=True)
