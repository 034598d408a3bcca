"""Une transcription dont le décodage est mené d'avance : canal par canal, ou à partager avec une diarisation.

Canaux à part : chacun est transcrit pour lui-même et tient lieu de locuteur ; leurs fenêtres se mêlent dans les mêmes
lots. Avec locuteurs : l'onde finie, dans la réserve, est celle que lira l'autre exemplaire ; un avancement le dit.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.errors import EngineFailed, InvalidAudio
from server.link.inputs import RequestInput
from server.slices import joined
from server.worker.ahead import decoded_ahead
from server.worker.spooled import SpeechTools, audio_request

Run = Callable[[link_pb2.Submit, RequestInput | None], AsyncGenerator[bytes, None]]
Event = transcribe_pb2.UploadTranscribeResponse

DECODED = "decoded"
"""Étape qui dit au front que l'onde est entière dans la réserve ; aucun client ne la voit."""


class ChannelTranscription:
    """Mène une transcription de fichier, canal par canal si la requête le veut."""

    def __init__(self, run: Run, tools: SpeechTools) -> None:
        """`run` transcrit un fichier, ou l'onde que `tools.ahead` donne sous son nom."""
        self._run = run
        self._tools = tools

    async def run(self, request: link_pb2.Submit, inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Mêmes événements ; ceux de canaux à part partent d'abord en `draft`, puis à la fin dans l'ordre du temps."""
        config = transcribe_pb2.TranscribeConfig.FromString(request.payload)
        separate = config.channels == audio_pb2.AUDIO_CHANNELS_SEPARATE
        if not separate and not config.HasField("diarization"):
            async with aclosing(self._run(request, inputs)) as events:
                async for event in events:
                    yield event
            return
        if not request.spool_name or request.spool_name != Path(request.spool_name).name:
            raise InvalidAudio("Aucun fichier audio n'accompagne la requête.", metadata={"field": "file"})
        asked = audio_request(config.audio_format, separate=separate)
        async with (
            decoded_ahead(self._tools, request.spool_name, asked) as (names, filling),
            aclosing(self._events(names, filling, request)) as steps,
        ):
            results: dict[int, transcribe_pb2.TranscribeResponse] = {}
            ratios = [0.0] * len(names)
            async for rank, told in steps:
                if told.HasField("result"):
                    results[rank] = told.result
                elif told.HasField("progress"):
                    if told.progress.HasField("completed_ratio"):
                        ratios[rank] = told.progress.completed_ratio
                        told.progress.completed_ratio = min(ratios)
                    yield told.SerializeToString()
                elif separate:
                    spoken_by(rank, told.segment)
                    yield Event(draft=told.segment).SerializeToString()
                else:
                    yield told.SerializeToString()
        if len(results) != len(names):
            raise EngineFailed("La réponse du moteur s'est interrompue.")
        found = merged([results[rank] for rank in range(len(names))]) if separate else results[0]
        if request.stream and separate:
            for segment in found.segments:
                yield Event(segment=segment).SerializeToString()
        yield Event(result=found).SerializeToString()

    async def _events(
        self, names: list[str], filling: "asyncio.Task[None]", request: link_pb2.Submit
    ) -> AsyncGenerator[tuple[int, Event], None]:
        """Événements de tous les canaux, chacun avec son rang, et la fin du décodage."""
        queue: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue()

        async def one(rank: int, name: str) -> None:
            alone = link_pb2.Submit()
            alone.CopyFrom(request)
            alone.spool_name = name
            async with aclosing(self._run(alone, None)) as events:
                async for event in events:
                    queue.put_nowait((rank, Event.FromString(event)))

        async def told() -> None:
            await filling
            queue.put_nowait((0, Event(progress=audio_pb2.AudioProgress(stage=DECODED))))

        tasks = [asyncio.create_task(one(rank, name)) for rank, name in enumerate(names)]
        tasks.append(asyncio.create_task(told()))
        whole = asyncio.gather(*tasks)
        whole.add_done_callback(lambda _all: queue.put_nowait(None))
        try:
            while (step := await queue.get()) is not None:
                yield step
            await whole
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, whole, return_exceptions=True)


def label(rank: int) -> str:
    """Locuteur d'un canal, compté depuis 1."""
    return f"CHANNEL_{rank + 1}"


def spoken_by(rank: int, segment: audio_pb2.Segment) -> None:
    """Donne à un segment le locuteur de son canal."""
    segment.speaker_label = label(rank)
    for word in segment.words:
        word.speaker_label = label(rank)


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
            spoken_by(rank, segment)
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
    result.text = joined(segment.text for segment in spoken)
    result.coverage.speech_duration.FromMicroseconds(speech)
    del result.coverage.speech_without_words[:]
    result.coverage.speech_without_words.extend(sorted(silent, key=lambda span: span.start_offset.ToMicroseconds()))
    return result
