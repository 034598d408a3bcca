"""Une diarisation de fichier : l'onde entière, projetée depuis un fichier sans nom, puis le moteur.

La parole se cherche à côté (`listening.py`) : dès que l'onde est entière et qu'une parole y est entendue, le moteur
commence.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import IO

import numpy as np
from passerelle.v1 import audio_pb2, diarize_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.base_audio import Diarization, DiarizationOptions, DiarizeEngine, Turn, VoiceScale, Wave
from server.link.inputs import RequestInput
from server.speech.level import faint, raise_faint
from server.speech.voice_names import Known, name_of
from server.worker.known_voices import known_voices
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
        # Un extrait à refuser l'est avant que le fichier ne soit décodé.
        known = await known_voices(self._tools, self._engine, config.known_speaker_names, request.clip_names)
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
        if known:
            found = named(found, known, self._engine.voice_scale, embeddings=config.embeddings)
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


def named(found: Diarization, known: Sequence[Known], scale: VoiceScale, *, embeddings: bool) -> Diarization:
    """Le même, où une voix reconnue a son nom ; deux étiquettes d'une même personne n'en font plus qu'une."""
    names = {}
    for label, vector in found.embeddings.items():
        voice = np.asarray(vector, np.float32)
        names[label] = name_of(voice / max(float(np.linalg.norm(voice)), 1e-9), known, scale) or label
    # Une empreinte n'est rendue qu'à qui l'a demandée ; de deux étiquettes jointes, celle de la première.
    kept = {names[label]: found.embeddings[label] for label in reversed(names)} if embeddings else {}
    return Diarization(_joined(found.turns, names), _joined(found.exclusive_turns, names), kept)


def _joined(turns: Sequence[Turn], names: Mapping[str, str]) -> tuple[Turn, ...]:
    """Tours à ces noms ; ceux d'une même personne qui se recouvrent n'en font qu'un."""
    joined: list[Turn] = []
    last: dict[str, int] = {}
    for turn in sorted((replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in turns), key=_start):
        at = last.get(turn.speaker)
        if at is not None and turn.start <= joined[at].end:
            joined[at] = replace(joined[at], end=max(joined[at].end, turn.end))
        else:
            last[turn.speaker] = len(joined)
            joined.append(turn)
    return tuple(joined)


def _start(turn: Turn) -> tuple[float, float]:
    return turn.start, turn.end


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
        embeddings=config.embeddings or bool(config.known_speaker_names),
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
        speakers=[_summary(label, found, config.known_speaker_names) for label in labels],
        duration=duration(seconds),
        coverage=coverage(seconds, speech),
    )


def _turn(turn: Turn) -> diarize_pb2.SpeakerTurn:
    return diarize_pb2.SpeakerTurn(
        speaker_label=turn.speaker, start_offset=duration(turn.start), end_offset=duration(turn.end)
    )


def _summary(label: str, found: Diarization, names: Sequence[str]) -> diarize_pb2.SpeakerSummary:
    turns = [turn for turn in found.turns if turn.speaker == label]
    return diarize_pb2.SpeakerSummary(
        speaker_label=label,
        speech_duration=duration(sum(turn.end - turn.start for turn in turns)),
        turn_count=len(turns),
        embedding=found.embeddings.get(label, ()),
        unknown=bool(names) and label not in names,
    )
