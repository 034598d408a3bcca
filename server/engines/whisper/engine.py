"""Whisper sur le processeur, par `faster-whisper` (CTranslate2) : la transcription du profil embarque.

Chaque fenêtre est décodée d'un trait, sans les jetons d'instants de Whisper : le texte est ainsi le même, que les
bornes des mots soient demandées ou non. Une fenêtre qui se répète (le défaut connu de ce modèle) est refaite en
interdisant les redites.
"""

import asyncio
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from server.engines.base import EngineSpec, LoadPhase, OnPhase, unheard
from server.engines.base_audio import (
    SAMPLE_RATE,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
)
from server.engines.common.openmp import calm_openmp
from server.engines.common.options import read_options
from server.engines.common.sentences import segments_of, timed_words
from server.engines.whisper.options import WhisperSettings
from server.errors import EngineFailed, ModelLoadFailed, UnsupportedOption

_REPEATED = 2.4
"""Taux de compression d'un texte qui se répète (seuil de l'article de Whisper)."""


class WhisperEngine:
    """Moteur de transcription sur le processeur."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._settings = WhisperSettings()
        self._model: Any = None
        self._pipeline: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="whisper")

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"word_timestamps", "translate", "language_detection", "prompt", "temperature"})

    @property
    def max_running(self) -> int:
        return self._settings.parallel

    @property
    def max_window_seconds(self) -> float:
        return 28.0

    @property
    def max_batch(self) -> int:
        return 1

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        return not batch

    async def open(self, on_phase: OnPhase = unheard) -> None:
        self._settings = read_options(WhisperSettings, self._spec.options)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._load, on_phase)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelLoadFailed(f"faster-whisper n'a pas pu lire les poids : {error}") from error

    async def warm_up(self) -> None:
        noise = (np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 0.01).astype(np.float32)
        results = await self.transcribe([RecognitionWindow(noise, RecognitionOptions(language="en", words=True))])
        if len(results) != 1:
            raise ModelLoadFailed("L'inférence d'échauffement n'a rien rendu.")

    async def close(self) -> None:
        self._model = self._pipeline = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    def check(self, options: RecognitionOptions) -> None:
        known = self._model.supported_languages if self._model is not None else ()
        if options.language and known and options.language not in known:
            raise UnsupportedOption(
                f"language : ce modèle ne connaît pas la langue « {options.language} ».",
                metadata={"field": "language", "value": options.language},
            )
        if options.target_language and options.target_language != "en":
            raise UnsupportedOption(
                f"target_language : ce modèle ne traduit que vers l'anglais (reçu : {options.target_language}).",
                metadata={"field": "target_language", "value": options.target_language, "limit": "en"},
            )
        if options.punctuation is False:
            raise UnsupportedOption(
                "punctuation : ce modèle ne sait pas omettre la ponctuation.",
                metadata={"field": "punctuation", "value": "false"},
            )

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        if self._pipeline is None:
            raise EngineFailed("Le moteur est fermé.")
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._thread, self._one, window) for window in windows]

    def _load(self, on_phase: OnPhase) -> None:
        calm_openmp()
        on_phase(LoadPhase.IMPORTING)
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        on_phase(LoadPhase.LOADING_WEIGHTS)
        self._model = WhisperModel(
            str(self._spec.model_dir),
            device="cpu",
            compute_type="int8",
            cpu_threads=self._spec.threads,
            local_files_only=True,
        )
        self._pipeline = BatchedInferencePipeline(self._model)

    def _one(self, window: RecognitionWindow) -> Recognition:
        found = self._decode(window, no_repeat_ngram_size=0)
        if _compression(found) > _REPEATED:
            again = self._decode(window, no_repeat_ngram_size=3)
            found = min(found, again, key=_compression)
        return found

    def _decode(self, window: RecognitionWindow, no_repeat_ngram_size: int) -> Recognition:
        options = window.options
        seconds = len(window.samples) / SAMPLE_RATE
        segments, info = self._pipeline.transcribe(
            window.samples,
            language=options.language or None,
            task="translate" if options.target_language else "transcribe",
            beam_size=self._settings.beam_size,
            temperature=options.temperature,
            initial_prompt=options.prompt or None,
            word_timestamps=options.words,
            without_timestamps=True,
            no_repeat_ngram_size=no_repeat_ngram_size,
            vad_filter=False,
            clip_timestamps=[{"start": 0.0, "end": seconds}],
            batch_size=1,
        )
        result: list[RecognizedSegment] = []
        for segment in segments:
            result += segments_in(segment, seconds)
        return Recognition(
            tuple(result),
            language=info.language,
            language_probability=None if options.language else float(info.language_probability),
        )


def create_engine(spec: EngineSpec) -> WhisperEngine:
    """Fabrique du moteur."""
    return WhisperEngine(spec)


def _compression(found: Recognition) -> float:
    text = " ".join(s.text for s in found.segments).encode()
    return len(text) / len(zlib.compress(text)) if text else 0.0


def segments_in(segment: Any, seconds: float) -> tuple[RecognizedSegment, ...]:
    """Coupe ce qu'une fenêtre a donné, si les bornes des mots sont là."""
    # L'espace qui sépare deux mots est au début du second ; une langue qui s'écrit sans n'en a pas.
    spoken = [word for word in segment.words or () if word.word.strip()]
    return segments_of(
        segment.text,
        timed_words(
            [(word.word, float(word.start), float(word.end)) for word in spoken],
            seconds,
            [float(word.probability) for word in spoken],
        ),
        seconds,
        float(np.exp(min(0.0, segment.avg_logprob))),
        no_speech=float(segment.no_speech_prob),
        attached={index for index, word in enumerate(spoken) if not word.word.startswith(" ")},
    )
