"""Les extraits de voix d'une requête : décodés comme tout audio, entendus une fois, et leurs empreintes.

Rien n'en reste : les fichiers, que le front efface, et les empreintes finissent avec la requête.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import numpy as np
from passerelle.v1 import audio_pb2

from server.engines.base_audio import SAMPLE_RATE, DiarizeEngine, Wave
from server.errors import AudioLimitExceeded, InvalidAudio
from server.speech.utterances import Utterance, UtteranceCutter
from server.speech.vad import SpeechDetector
from server.speech.voice_names import Known
from server.worker.spooled import SpeechTools, SpooledAudio

_LEAST_SPEECH = 1.0
"""Secondes de parole en deçà desquelles un extrait ne dit pas sûrement une voix."""


async def known_voices(
    tools: SpeechTools, engine: DiarizeEngine, names: Sequence[str], clip_names: Sequence[str]
) -> list[Known]:
    """Locuteurs connus d'une requête, dans leur ordre.

    Raises:
        InvalidAudio: un extrait n'est pas de l'audio, ou n'a pas assez de parole ; le champ est nommé.
        AudioLimitExceeded: un extrait trop court ou trop long, ou hors limites.
    """
    if not names:
        return []
    voices = [await _voice(tools, rank, name) for rank, name in enumerate(clip_names)]
    found = await engine.embed(voices)
    for rank, vector in enumerate(found):
        if vector is None:
            raise _unheard(rank, len(voices[rank]) / SAMPLE_RATE)
    return [Known(name, vector) for name, vector in zip(names, found, strict=True) if vector is not None]


async def _voice(tools: SpeechTools, rank: int, clip_name: str) -> Wave:
    """La parole d'un extrait, sans ses silences."""
    limits = tools.limits
    low, high = limits.min_known_speaker_seconds, limits.max_known_speaker_seconds
    audio = SpooledAudio(tools, clip_name, audio_pb2.AudioFormat())
    pieces: list[Wave] = []
    length = 0.0
    try:
        async with aclosing(audio.waves()) as waves:
            async for wave, _ratio in waves:
                pieces.append(wave)
                length += len(wave) / SAMPLE_RATE
                if length > high + 1:
                    # La suite n'y changerait rien : un extrait trop long n'est pas décodé jusqu'au bout.
                    break
    except (InvalidAudio, AudioLimitExceeded) as error:
        raise type(error)(
            f"{_field(rank)} : {error.message}", metadata={**error.metadata, "field": _field(rank)}
        ) from None
    if not low <= round(length, 2) <= high:
        limit = low if length < low else high
        raise AudioLimitExceeded(
            f"{_field(rank)} : un extrait dure de {low:g} à {high:g} s ; celui-ci, {length:.2f} s"
            f"{' au moins' if length > high else ''}.",
            metadata={"field": _field(rank), "limit": f"{limit:g}", "value": f"{length:.2f}"},
        )
    return await asyncio.get_running_loop().run_in_executor(tools.pool, _speech, tools, rank, np.concatenate(pieces))


def _speech(tools: SpeechTools, rank: int, wave: Wave) -> Wave:
    cutter = UtteranceCutter(SpeechDetector(tools.vad), endpoint_silence=0.2, max_utterance=60.0)
    spoken = [
        event.samples[event.speech.start - event.start : event.speech.end - event.start]
        for event in (*cutter.push(wave), *cutter.flush())
        if isinstance(event, Utterance)
    ]
    seconds = sum(map(len, spoken)) / SAMPLE_RATE
    if seconds < _LEAST_SPEECH:
        raise _unheard(rank, seconds)
    return np.concatenate(spoken)


def _unheard(rank: int, seconds: float) -> InvalidAudio:
    return InvalidAudio(
        f"{_field(rank)} : {_LEAST_SPEECH:g} s de parole au moins est attendue ; il s'y en entend {seconds:.2f} s.",
        metadata={"field": _field(rank), "limit": f"{_LEAST_SPEECH:g}", "value": f"{seconds:.2f}"},
    )


def _field(rank: int) -> str:
    return f"known_speaker_references[{rank}]"
