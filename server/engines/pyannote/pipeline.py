"""Un pipeline de diarisation de pyannote.audio et son fil, communs au profil embarque et au profil dgx.

La télémétrie de pyannote est coupée avant tout import. Les modèles ne sont pas sûrs entre fils : un seul les possède et
les calcule ; chaque onde menée de front a le sien, et ses fenêtres se joignent à celles des autres (`sharing.py`).
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from server.engines.base import EngineSpec, OnPhase, unheard
from server.engines.base_audio import SAMPLE_RATE, Diarization, DiarizationOptions, Turn, VoiceScale, Wave
from server.engines.common.faults import is_memory_error
from server.engines.common.openmp import calm_openmp
from server.engines.common.owner import EngineThreads, OwnerThread
from server.engines.pyannote.batches import SharedBatches
from server.engines.pyannote.leaving import Cancelled, stopped_by
from server.engines.pyannote.sharing import share
from server.engines.pyannote.voices import Voices
from server.errors import EngineFailed, ModelLoadFailed, PasserelleError

_MIN_SECONDS = 0.1
_STAGES = frozenset({"segmentation", "embeddings"})

Loader = Callable[[EngineSpec, OnPhase], Any]
"""Bâtit un pipeline, dans le fil qui le possède."""


class PipelineEngine:
    """Moteur de diarisation par un pipeline de pyannote.audio."""

    def __init__(
        self,
        spec: EngineSpec,
        load: Loader,
        *,
        parallel: Callable[[], int],
        sizes: Callable[[], tuple[int, int]],
        scale: Callable[[], tuple[float, float]],
    ) -> None:
        """Rien n'est chargé ici.

        Args:
            load: bâtit le pipeline.
            parallel: ondes menées de front, une fois le pipeline bâti.
            sizes: fenêtres d'un lot de segmentation et d'un lot d'empreintes, au plus, à cet instant.
            scale: options `same_voice` et `named_voice`, une fois le pipeline bâti.
        """
        self._spec = spec
        self._load = load
        self._parallel = parallel
        self._sizes = sizes
        self._scale = scale
        self._pipeline: Any = None
        self._owner = OwnerThread("pyannote")
        self._batches: SharedBatches | None = None
        self._waves: EngineThreads | None = None
        self._voices: Voices | None = None

    @property
    def voice_scale(self) -> VoiceScale:
        return VoiceScale(*self._scale())

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"num_speakers", "min_speakers", "max_speakers", "exclusive_turns", "embeddings"})

    @property
    def max_running(self) -> int:
        return self._parallel()

    async def open(self, on_phase: OnPhase = unheard) -> None:
        try:
            self._pipeline = await self._owner.load(lambda: self._shared(on_phase))
        except PasserelleError:
            raise
        except Exception as error:
            short = "la mémoire ne suffit pas : " if is_memory_error(error) else ""
            raise ModelLoadFailed(f"pyannote.audio n'a pas pu lire les poids : {short}{error}") from error
        self._waves = EngineThreads("pyannote-onde", self._parallel())

    async def warm_up(self) -> None:
        noise = (np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE) * 0.01).astype(np.float32)
        stages: list[str] = []
        await self.diarize(noise, DiarizationOptions(), lambda stage, _ratio: stages.append(stage))
        if "segmentation" not in stages:
            raise ModelLoadFailed("L'inférence d'échauffement n'a rien rendu.")

    async def close(self) -> None:
        self._pipeline = None
        if self._batches is not None:
            self._batches.close()
        self._owner.close()
        if self._waves is not None:
            self._waves.close()

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        if self._pipeline is None or self._waves is None:
            raise EngineFailed("Le moteur est fermé.")
        if len(wave) < _MIN_SECONDS * SAMPLE_RATE:
            return Diarization((), ())
        stop = threading.Event()
        return await self._waves.call(self._run, self._pipeline, wave, options, on_progress, stop, on_cancel=stop.set)

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        if self._pipeline is None or self._voices is None:
            raise EngineFailed("Le moteur est fermé.")
        return await self._voices.embed(waves)

    def _shared(self, on_phase: OnPhase) -> Any:
        pipeline = self._load(self._spec, on_phase)
        self._batches = share(pipeline, self._owner.submit, self._sizes)
        self._voices = Voices(pipeline, self._batches, self._sizes)
        return pipeline

    def _run(
        self,
        pipeline: Any,
        wave: Wave,
        options: DiarizationOptions,
        on_progress: Callable[[str, float], None],
        stop: threading.Event,
    ) -> Diarization:
        import torch

        def hook(name: str, _artifact: Any, *, total: int = 0, completed: int = 0, **_rest: Any) -> None:
            if stop.is_set():
                raise Cancelled
            if name in _STAGES and total:
                # Le dernier lot compte ses places, même vides.
                on_progress(name, min(1.0, float(completed / total)))

        # Une onde projetée depuis un fichier reste hors de la mémoire du processus.
        source = wave if wave.flags.writeable else np.array(wave)
        file = {"waveform": torch.from_numpy(source)[None], "sample_rate": SAMPLE_RATE, "uri": "audio"}
        try:
            with stopped_by(stop):
                output = pipeline(
                    file,
                    num_speakers=options.num_speakers,
                    min_speakers=options.min_speakers,
                    max_speakers=options.max_speakers,
                    hook=hook,
                )
        except Cancelled:
            # Personne n'attend plus ce résultat.
            return Diarization((), ())
        return diarization_of(output, len(wave) / SAMPLE_RATE, embeddings=options.embeddings)


def quiet_pyannote() -> None:
    """À appeler avant tout import de pyannote : ni télémétrie, ni réseau, ni fils d'OpenMP qui tournent à vide."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    calm_openmp()
    import warnings

    # torchcodec ne trouve pas FFmpeg et le dit longuement ; l'onde est toujours donnée en mémoire.
    warnings.filterwarnings("ignore", module=r"pyannote\..*")
    # La moyenne des empreintes d'un locuteur qui n'en a aucune : elle n'est pas rendue.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"numpy\..*")


def diarization_of(output: Any, end: float, *, embeddings: bool) -> Diarization:
    """Ce que rend un pipeline, pour une onde qui finit à `end` secondes."""
    vectors: dict[str, tuple[float, ...]] = {}
    if embeddings and output.speaker_embeddings is not None:
        labels = output.speaker_diarization.labels()
        for label, vector in zip(labels, output.speaker_embeddings, strict=False):
            if np.isfinite(vector).all():
                vectors[label] = tuple(float(x) for x in vector)
    return Diarization(
        turns_of(output.speaker_diarization, end), turns_of(output.exclusive_speaker_diarization, end), vectors
    )


def turns_of(annotation: Any, end: float) -> tuple[Turn, ...]:
    """Tours d'une annotation de pyannote, dans une onde qui finit à `end` secondes."""
    turns = [
        Turn(str(label), max(0.0, float(turn.start)), min(end, float(turn.end)))
        for turn, _track, label in annotation.itertracks(yield_label=True)
    ]
    return tuple(turn for turn in turns if turn.end > turn.start)
