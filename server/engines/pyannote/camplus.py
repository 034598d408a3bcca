"""pyannote.audio sur le processeur : la diarisation du profil embarque, par la bibliothèque de production.

Poids : segmentation 3.0 de pyannote et empreintes CAM++ (3D-Speaker), assemblés dans le dossier du modèle.
"""

import importlib.util
from pathlib import Path
from typing import Any

from server.engines.base import EngineSpec, LoadPhase, OnPhase
from server.engines.base_audio import SAMPLE_RATE
from server.engines.common.options import read_options
from server.engines.pyannote.checkpoint import read_model
from server.engines.pyannote.clustering import bound_clustering
from server.engines.pyannote.options import CamPlusSettings
from server.engines.pyannote.pipeline import PipelineEngine, quiet_pyannote

_DIMENSION = 192
_MIN_FRAMES = 20
"""Trames de 10 ms en deçà desquelles CAM++ ne rend rien d'utile."""


def create_engine(spec: EngineSpec) -> PipelineEngine:
    """Fabrique du moteur."""
    settings = CamPlusSettings()

    def load(spec: EngineSpec, on_phase: OnPhase) -> Any:
        nonlocal settings
        settings = read_options(CamPlusSettings, spec.options)
        return load_pipeline(spec, settings, on_phase)

    return PipelineEngine(
        spec,
        load,
        parallel=lambda: settings.parallel,
        sizes=lambda: (settings.batch_size, settings.batch_size),
        scale=lambda: (settings.same_voice, settings.named_voice),
    )


def load_pipeline(spec: EngineSpec, settings: CamPlusSettings, on_phase: OnPhase) -> Any:
    quiet_pyannote()
    on_phase(LoadPhase.IMPORTING)
    import torch
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    on_phase(LoadPhase.LOADING_WEIGHTS)
    torch.set_num_threads(spec.threads)
    folder = spec.model_dir
    pipeline = SpeakerDiarization(
        segmentation=read_model(folder / "segmentation.bin"),
        embedding=_embedding(folder),
        clustering="AgglomerativeClustering",
        # Le constructeur exige une PLDA, que ce regroupement n'emploie pas.
        plda=object.__new__(PLDA),
        segmentation_step=settings.segmentation_step,
        segmentation_batch_size=settings.batch_size,
        embedding_batch_size=settings.batch_size,
        embedding_exclude_overlap=True,
    )
    pipeline.instantiate(
        {
            "segmentation": {"min_duration_off": 0.0},
            "clustering": {
                "method": "centroid",
                "min_cluster_size": 6,
                "threshold": settings.clustering_threshold,
            },
        }
    )
    bound_clustering(pipeline, settings)
    return pipeline


def _embedding(folder: Path) -> Any:
    """CAM++ sous la forme d'un modèle d'empreintes de pyannote."""
    import torch
    from pyannote.audio import Model
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from torchaudio.compliance import kaldi

    found = importlib.util.spec_from_file_location("passerelle_camplusplus", folder / "camplusplus.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)

    class CampPlusEmbedding(Model):
        def __init__(self) -> None:
            super().__init__(sample_rate=SAMPLE_RATE, num_channels=1)
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
            """Empreintes (n, d), ou (n, locuteurs, d) si `weights` (n, locuteurs, trames) dit qui parle."""
            if weights is not None and weights.dim() == 2:
                return self(waveforms, weights[:, None])[:, 0]
            shape = (len(waveforms),) if weights is None else weights.shape[:2]
            out = torch.full((*shape, _DIMENSION), float("nan"))
            for index, waveform in enumerate(waveforms):
                features = kaldi.fbank(waveform, num_mel_bins=80, sample_frequency=SAMPLE_RATE, dither=0.0)
                if weights is None:
                    out[index] = self._voice(features)
                    continue
                masks = torch.nn.functional.interpolate(
                    weights[index][None].float(), size=features.shape[0], mode="nearest"
                )
                for speaker, mask in enumerate(masks[0]):
                    out[index, speaker] = self._voice(features[mask > 0.5])
            return out

        def _voice(self, features: Any) -> Any:
            if features.shape[0] < _MIN_FRAMES:
                return torch.full((_DIMENSION,), float("nan"))
            with torch.inference_mode():
                return self.net((features - features.mean(0, keepdim=True))[None])[0]

    return CampPlusEmbedding()
