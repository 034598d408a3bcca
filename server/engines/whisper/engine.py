"""Whisper sur le processeur, par `faster-whisper` (CTranslate2) : la transcription du profil embarque.

Chaque fenêtre est décodée d'un trait, sans les jetons d'instants de Whisper : le texte est ainsi le même, que les
bornes des mots soient demandées ou non. Une fenêtre qui se répète (le défaut connu de ce modèle) est refaite en
interdisant les redites.
"""

import asyncio
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from server.engines.base import EngineSpec, LoadPhase, OnPhase, unheard
from server.engines.base_audio import (
    SAMPLE_RATE,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
    Wave,
)
from server.engines.common.openmp import calm_openmp
from server.engines.common.options import read_options
from server.engines.common.sentences import segments_of, timed_words
from server.engines.whisper.languages import Run, likeliest, longest_pause, pieces_of, runs_of
from server.engines.whisper.options import WhisperSettings
from server.errors import EngineFailed, ModelLoadFailed, UnsupportedOption

_REPEATED = 2.4
"""Taux de compression d'un texte qui se répète (seuil de l'article de Whisper)."""
_FEWEST_LETTERS = 2.0
"""Lettres par seconde de parole sous lesquelles le texte est incomplet ; on en dit une douzaine, cinq en chinois."""
_SHORT = 8
"""Lettres dont un texte court peut manquer."""
_CUTS = 2
"""Coupes d'une fenêtre au texte incomplet, au plus."""
_FRAMES = 3000
"""Trames que le modèle lit d'un trait, de 10 ms."""
_LEAST_FRAMES = 1000
"""Trames où un morceau de fenêtre se complète : en deçà, sa langue se reconnaît moins bien."""


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
        return frozenset({"word_timestamps", "translate", "language_detection", "prompt", "phrases", "temperature"})

    @property
    def max_running(self) -> int:
        return self._settings.parallel

    @property
    def max_window_seconds(self) -> float:
        return 28.0

    @property
    def max_batch(self) -> int:
        return 1

    @property
    def max_live_batch(self) -> int:
        return 1

    @property
    def batch_wait(self) -> float:
        return 0.0

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
        if options.phrase_boost is not None:
            raise UnsupportedOption(
                "phrase_boost : ce modèle lit des phrases, sans savoir leur donner de poids.",
                metadata={"field": "phrase_boost", "value": f"{options.phrase_boost:g}"},
            )
        if options.phrases and self._model is not None:
            self._check_length(options)

    def _check_length(self, options: RecognitionOptions) -> None:
        """Refuse des phrases dont Whisper ne lirait qu'une partie ; d'un texte, il lit la fin, comme chez OpenAI."""
        most = self._model.max_length // 2 - 1
        tokens = self._model.hf_tokenizer
        prompt, phrases = (
            len(tokens.encode(f" {text}", add_special_tokens=False).ids) if text else 0
            for text in (options.prompt.strip(), _told_apart(options.phrases))
        )
        if phrases + min(prompt, most) > most:
            raise UnsupportedOption(
                f"phrases : avec prompt, {prompt + phrases} jetons, plus que ce modèle n'en lit ({most}).",
                metadata={"field": "phrases", "limit": str(most), "value": str(prompt + phrases)},
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

        class Remembering(WhisperModel):  # type: ignore[misc]
            """Le modèle, qui ne refait pas ce qu'il vient d'encoder : la langue et le texte s'y lisent."""

            last: tuple[Any, Any] | None = None

            def encode(self, features: Any) -> Any:
                features = np.ascontiguousarray(features).reshape(-1, *features.shape[-2:])
                if self.last is None or not np.array_equal(self.last[0], features):
                    self.last = features, super().encode(features)
                return self.last[1]

        on_phase(LoadPhase.LOADING_WEIGHTS)
        self._model = Remembering(
            str(self._spec.model_dir),
            device="cpu",
            compute_type="int8",
            cpu_threads=self._spec.threads,
            local_files_only=True,
        )
        self._pipeline = BatchedInferencePipeline(self._model)

    def _one(self, window: RecognitionWindow, cuts: int = _CUTS) -> Recognition:
        options, samples = window.options, window.samples
        if options.language:
            runs = [Run(0, len(samples), options.language, 1.0)]
        else:
            pieces = pieces_of(window.speech, len(samples))
            runs = runs_of(pieces, self._languages(samples, pieces))
        if len(runs) > 1:
            parts = [part_of(window, run.start, run.end, run.language) for run in runs]
            return joined_parts(parts, [self._one(part, cuts) for part in parts], [run.probability for run in runs])
        [run] = runs
        told = self._told(samples, replace(options, language=run.language))
        pause = longest_pause(window.speech)
        if cuts and pause and _sparse(told, window.speech):
            # Whisper se tait parfois après une phrase qui semble en finir : ce qui suit le silence est relu à part.
            parts = [part_of(window, start, end, "") for start, end in ((0, pause), (pause, len(samples)))]
            if options.language:
                parts = [replace(part, options=options) for part in parts]
            found = [self._one(part, cuts - 1) for part in parts]
            return joined_parts(parts, found, [one.language_probability for one in found])
        return Recognition(told, run.language, None if options.language else run.probability)

    def _languages(self, samples: Wave, pieces: Sequence[tuple[int, int]]) -> list[tuple[str, float]]:
        """Langue de chaque morceau ; une langue qui n'est pas celle de la fenêtre se vérifie."""
        if len(pieces) == 1:
            return [self._language(samples, whole=True)]
        heard = [self._language(samples[start:end], whole=False) for start, end in pieces]
        common, _ = likeliest(pieces, heard)
        return [
            found if found[0] == common else self._language(samples[start:end], whole=True)
            for (start, end), found in zip(pieces, heard, strict=True)
        ]

    def _language(self, samples: Wave, *, whole: bool) -> tuple[str, float]:
        """Langue la plus probable d'une onde, et sa probabilité ; `whole` : avec tout le contexte du modèle."""
        from faster_whisper.audio import pad_or_trim

        if not self._model.model.is_multilingual:
            return "en", 1.0
        nothing = np.zeros((self._model.model.n_mels, 0), np.float32)
        features = self._model.feature_extractor(samples)[..., :-1] if len(samples) else nothing
        # Une fenêtre s'encode comme le texte la lira, donc une fois ; un morceau, dans sa longueur, à peu de frais.
        frames = _FRAMES if whole else max(_LEAST_FRAMES, features.shape[-1])
        [found] = self._model.model.detect_language(self._model.encode(pad_or_trim(features, frames)))
        token, probability = found[0]
        return str(token[2:-2]), float(probability)

    def _told(self, samples: Wave, options: RecognitionOptions) -> tuple[RecognizedSegment, ...]:
        """Ce qui est dit, dans la langue des réglages."""
        found = self._decode(samples, options, no_repeat_ngram_size=0)
        if _compression(found) > _REPEATED:
            again = self._decode(samples, options, no_repeat_ngram_size=3)
            found = min(found, again, key=_compression)
        return found

    def _decode(
        self, samples: Wave, options: RecognitionOptions, no_repeat_ngram_size: int
    ) -> tuple[RecognizedSegment, ...]:
        seconds = len(samples) / SAMPLE_RATE
        segments, _ = self._pipeline.transcribe(
            samples,
            language=options.language,
            task="translate" if options.target_language else "transcribe",
            beam_size=self._settings.beam_size,
            temperature=options.temperature,
            initial_prompt=options.prompt or None,
            hotwords=_told_apart(options.phrases) or None,
            word_timestamps=options.words,
            without_timestamps=True,
            no_repeat_ngram_size=no_repeat_ngram_size,
            vad_filter=False,
            clip_timestamps=[{"start": 0.0, "end": seconds}],
            batch_size=1,
        )
        return tuple(part for segment in segments for part in segments_in(segment, seconds))


def create_engine(spec: EngineSpec) -> WhisperEngine:
    """Fabrique du moteur."""
    return WhisperEngine(spec)


def _told_apart(phrases: Sequence[str]) -> str:
    return ", ".join(phrases)


def part_of(window: RecognitionWindow, start: int, end: int, language: str) -> RecognitionWindow:
    """Partie d'une fenêtre ; une langue vide y est à reconnaître."""
    speech = tuple((max(low, start) - start, min(high, end) - start) for low, high in window.speech)
    return RecognitionWindow(
        window.samples[start:end],
        replace(window.options, language=language),
        tuple(span for span in speech if span[0] < span[1]),
    )


def joined_parts(
    parts: Sequence[RecognitionWindow], found: Sequence[Recognition], probabilities: Sequence[float | None]
) -> Recognition:
    """Ce qui a été entendu dans des parties consécutives d'une fenêtre, dans le repère de la fenêtre."""
    segments: list[RecognizedSegment] = []
    offset = 0.0
    for part, one in zip(parts, found, strict=True):
        segments += (shifted(segment, offset, segment.language or one.language) for segment in one.segments)
        offset += len(part.samples) / SAMPLE_RATE
    longest = max(range(len(parts)), key=lambda index: len(parts[index].samples))
    return Recognition(tuple(segments), found[longest].language, probabilities[longest])


def shifted(segment: RecognizedSegment, seconds: float, language: str) -> RecognizedSegment:
    """Segment d'une partie de fenêtre, dans le repère de la fenêtre."""
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    moved = replace(segment, words=words, language=language)
    return replace(moved, start=segment.start + seconds, end=segment.end + seconds)


def _sparse(found: tuple[RecognizedSegment, ...], speech: Sequence[tuple[int, int]]) -> bool:
    """Vrai si le texte est bien trop court pour la parole."""
    seconds = sum(end - start for start, end in speech) / SAMPLE_RATE
    return sum(len(segment.text) for segment in found) < _FEWEST_LETTERS * seconds - _SHORT


def _compression(found: tuple[RecognizedSegment, ...]) -> float:
    text = " ".join(segment.text for segment in found).encode()
    return len(text) / len(zlib.compress(text)) if text else 0.0


def segments_in(segment: Any, seconds: float) -> tuple[RecognizedSegment, ...]:
    """Coupe ce qu'une fenêtre a donné, si les bornes des mots sont là."""
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
    )
