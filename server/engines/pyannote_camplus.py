"""pyannote.audio sur le processeur : la diarisation du profil embarque, par la bibliothèque de production.

Poids : segmentation 3.0 de pyannote et empreintes CAM++ (3D-Speaker), assemblés dans le dossier du modèle. Options du
profil : `segmentation_step` (0.25), `clustering_threshold` (0.7), `batch_size` (8).

La télémétrie de pyannote est coupée avant tout import. Les appels ne sont pas sûrs entre fils : un seul fil possède le
pipeline.
"""

import asyncio
import importlib.util
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from server.engines.base import EngineSpec
from server.engines.speech import Diarization, DiarizationOptions, Turn, Wave
from server.errors import EngineFailed, ModelLoadFailed

_SAMPLE_RATE = 16000
_DIMENSION = 192
_MIN_FRAMES = 20
"""Trames de 10 ms en deçà desquelles CAM++ ne rend rien d'utile."""
_MIN_SECONDS = 0.1
_STAGES = {"segmentation": "segmentation", "embeddings": "embeddings"}


class _Cancelled(Exception):
    """Requête abandonnée."""


class PyannoteEngine:
    """Moteur de diarisation sur le processeur."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._pipeline: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pyannote")

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"num_speakers", "min_speakers", "max_speakers", "exclusive_turns", "embeddings"})

    @property
    def max_running(self) -> int:
        return 1

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._pipeline = await loop.run_in_executor(self._thread, self._load)
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            raise ModelLoadFailed(f"pyannote.audio n'a pas pu lire les poids : {error}") from error

    async def warm_up(self) -> None:
        noise = (np.random.default_rng(0).standard_normal(2 * _SAMPLE_RATE) * 0.01).astype(np.float32)
        stages: list[str] = []
        await self.diarize(noise, DiarizationOptions(), lambda stage, _ratio: stages.append(stage))
        if "segmentation" not in stages:
            raise ModelLoadFailed("L'inférence d'échauffement n'a rien rendu.")

    async def close(self) -> None:
        self._pipeline = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        if self._pipeline is None:
            raise EngineFailed("Le moteur est fermé.")
        if len(wave) < _MIN_SECONDS * _SAMPLE_RATE:
            return Diarization((), ())
        stop = threading.Event()
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._run, wave, options, on_progress, stop)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            stop.set()
            # La place n'est rendue qu'une fois le fil libre : le pipeline ne sert qu'une onde à la fois.
            await asyncio.gather(call, return_exceptions=True)
            raise

    def _run(
        self,
        wave: Wave,
        options: DiarizationOptions,
        on_progress: Callable[[str, float], None],
        stop: threading.Event,
    ) -> Diarization:
        import torch

        def hook(name: str, _artifact: Any, *, total: int = 0, completed: int = 0, **_rest: Any) -> None:
            if stop.is_set():
                raise _Cancelled
            stage = _STAGES.get(name)
            if stage is not None and total:
                on_progress(stage, completed / total)

        # Une onde projetée depuis un fichier reste hors de la mémoire du processus.
        source = wave if wave.flags.writeable else np.array(wave)
        file = {"waveform": torch.from_numpy(source)[None], "sample_rate": _SAMPLE_RATE, "uri": "audio"}
        output = self._pipeline(
            file,
            num_speakers=options.num_speakers,
            min_speakers=options.min_speakers,
            max_speakers=options.max_speakers,
            hook=hook,
        )
        end = len(wave) / _SAMPLE_RATE
        labels = output.speaker_diarization.labels()
        embeddings: dict[str, tuple[float, ...]] = {}
        if options.embeddings and output.speaker_embeddings is not None:
            for label, vector in zip(labels, output.speaker_embeddings, strict=False):
                if np.isfinite(vector).all():
                    embeddings[label] = tuple(float(x) for x in vector)
        return Diarization(
            _turns(output.speaker_diarization, end), _turns(output.exclusive_speaker_diarization, end), embeddings
        )

    def _load(self) -> Any:
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        import warnings

        import torch

        # torchcodec ne trouve pas FFmpeg et le dit longuement ; l'onde est toujours donnée en mémoire.
        warnings.filterwarnings("ignore", module=r"pyannote\..*")
        from pyannote.audio import Model
        from pyannote.audio.core.plda import PLDA
        from pyannote.audio.pipelines import SpeakerDiarization

        torch.set_num_threads(self._spec.threads)
        options = self._spec.options
        folder = self._spec.model_dir
        batch = int(options.get("batch_size", 8))
        segmentation = Model.from_pretrained(str(folder / "segmentation.bin"), map_location="cpu")
        if segmentation is None:
            raise ModelLoadFailed("pyannote.audio n'a pas pu lire segmentation.bin.")
        pipeline = SpeakerDiarization(
            segmentation=segmentation,
            embedding=self._embedding(),
            clustering="AgglomerativeClustering",
            # Le constructeur exige une PLDA, que ce regroupement n'emploie pas.
            plda=object.__new__(PLDA),
            segmentation_step=float(options.get("segmentation_step", 0.25)),
            segmentation_batch_size=batch,
            embedding_batch_size=batch,
            embedding_exclude_overlap=True,
        )
        pipeline.instantiate(
            {
                "segmentation": {"min_duration_off": 0.0},
                "clustering": {
                    "method": "centroid",
                    "min_cluster_size": 6,
                    "threshold": float(options.get("clustering_threshold", 0.7)),
                },
            }
        )
        return pipeline

    def _embedding(self) -> Any:
        """CAM++ sous la forme d'un modèle d'empreintes de pyannote."""
        import torch
        from pyannote.audio import Model
        from pyannote.audio.core.task import Problem, Resolution, Specifications
        from torchaudio.compliance import kaldi

        folder = self._spec.model_dir
        found = importlib.util.spec_from_file_location("passerelle_camplusplus", folder / "camplusplus.py")
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)

        class CampPlusEmbedding(Model):
            def __init__(self) -> None:
                super().__init__(sample_rate=_SAMPLE_RATE, num_channels=1)
                self.net = module.CAMPPlus(embedding_size=_DIMENSION)
                weights = torch.load(folder / "embedding.pt", map_location="cpu", weights_only=True)
                self.net.load_state_dict(weights)
                self.net.eval()
                self.specifications = Specifications(
                    problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0
                )

            @property
            def dimension(self) -> int:
                return _DIMENSION

            def forward(self, waveforms: Any, weights: Any = None) -> Any:  # type: ignore[override]
                out = torch.full((len(waveforms), _DIMENSION), float("nan"))
                for index, waveform in enumerate(waveforms):
                    features = kaldi.fbank(waveform, num_mel_bins=80, sample_frequency=_SAMPLE_RATE, dither=0.0)
                    if weights is not None:
                        mask = torch.nn.functional.interpolate(
                            weights[index][None, None].float(), size=features.shape[0], mode="nearest"
                        )
                        features = features[mask[0, 0] > 0.5]
                    if features.shape[0] < _MIN_FRAMES:
                        continue
                    with torch.inference_mode():
                        out[index] = self.net((features - features.mean(0, keepdim=True))[None])[0]
                return out

        return CampPlusEmbedding()


def create_engine(spec: EngineSpec) -> PyannoteEngine:
    """Fabrique du moteur."""
    return PyannoteEngine(spec)


def _turns(annotation: Any, end: float) -> tuple[Turn, ...]:
    turns = [
        Turn(str(label), max(0.0, float(turn.start)), min(end, float(turn.end)))
        for turn, _track, label in annotation.itertracks(yield_label=True)
    ]
    return tuple(turn for turn in turns if turn.end > turn.start)
