"""pyannote.audio sur GPU : la diarisation du profil dgx, community-1 ou 3.1, lue du seul dossier du modèle.

Le pipeline est bâti de ses parties, que `config.yaml` désigne, sans passer par ce qui les chercherait en ligne ; il est
posé tout entier sur le GPU, puis vérifié. Les tailles de lot suivent la mémoire libre, sauf si le profil les fixe. Les
options du profil sont dans `docs/moteurs.md`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from server.engines.base import EngineSpec, LoadPhase, OnPhase
from server.engines.common.cuda import CUDA, require_cuda
from server.engines.common.options import read_options
from server.engines.pyannote.checkpoint import read_model
from server.engines.pyannote.clustering import bound_clustering
from server.engines.pyannote.config import PipelineRecipe, read_recipe
from server.engines.pyannote.options import PyannoteSettings
from server.engines.pyannote.pipeline import PipelineEngine, quiet_pyannote
from server.errors import ModelLoadFailed

_GIB = 1 << 30
_EMBEDDING_ITEM = _GIB // 5
"""Mémoire d'une fenêtre de 10 s dans un lot d'empreintes (ResNet34), mesurée par excès."""
_SEGMENTATION_ITEM = _GIB // 16
_SHARE = 0.5
"""Part de la mémoire libre qu'un lot peut prendre : un autre modèle peut partager ce GPU."""
_LARGEST = 64
_ON_CPU = 8


@dataclass(slots=True)
class PyannoteLoader:
    """Bâtit le pipeline, puis dit la taille de ses lots."""

    spec: EngineSpec
    settings: PyannoteSettings = field(default_factory=PyannoteSettings)

    def load(self, spec: EngineSpec, on_phase: OnPhase) -> Any:
        """Pipeline prêt, sur son périphérique.

        Raises:
            ModelLoadFailed: option, recette ou poids en cause, ou une partie restée hors du GPU.
            NoGpuVisible: le moteur exige CUDA et n'en voit pas.
        """
        self.settings = read_options(PyannoteSettings, spec.options)
        recipe = read_recipe(spec.model_dir)
        if spec.device == CUDA:
            require_cuda()
        quiet_pyannote()
        on_phase(LoadPhase.IMPORTING)
        import torch

        if spec.device != CUDA:
            torch.set_num_threads(spec.threads)
        pipeline = _build(recipe, self.settings, on_phase)
        if spec.device == CUDA:
            on_phase(LoadPhase.MOVING_TO_GPU)
        pipeline.to(torch.device(spec.device))
        require_on_device(parts_of(pipeline), spec.device)
        # Ce qu'une onde demande à la fois ; un lot, lui, suit la mémoire libre.
        pipeline.segmentation_batch_size, pipeline.embedding_batch_size = self.sizes()
        return pipeline

    def sizes(self) -> tuple[int, int]:
        """Fenêtres d'un lot de segmentation et d'un lot d'empreintes, selon la mémoire libre à cet instant."""
        segmentation = embedding = _ON_CPU
        if self.spec.device == CUDA:
            import torch

            free = torch.cuda.mem_get_info()[0]
            # Ce que torch garde en réserve est libre aussi, pour lui.
            free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            segmentation, embedding = batch_sizes(free)
        return self.settings.segmentation_batch_size or segmentation, self.settings.embedding_batch_size or embedding


def create_engine(spec: EngineSpec) -> PipelineEngine:
    """Fabrique du moteur."""
    loader = PyannoteLoader(spec)
    return PipelineEngine(
        spec,
        loader.load,
        parallel=lambda: loader.settings.parallel,
        sizes=loader.sizes,
        scale=lambda: (loader.settings.same_voice, loader.settings.named_voice),
    )


def batch_sizes(free: int) -> tuple[int, int]:
    """Tailles des lots de segmentation et d'empreintes que permettent `free` octets libres."""
    usable = int(free * _SHARE)
    return _clamped(usable // _SEGMENTATION_ITEM), _clamped(usable // _EMBEDDING_ITEM)


def parts_of(pipeline: Any) -> dict[str, Any]:
    """Modules torch d'un pipeline, par leur nom."""
    return {"segmentation": pipeline._segmentation.model, "embedding": pipeline._embedding.model_}


def require_on_device(parts: Mapping[str, Any], device: str) -> None:
    """Vérifie que chaque paramètre et chaque tampon est sur ce périphérique.

    Raises:
        ModelLoadFailed: une partie est ailleurs, en tout ou en partie.
    """
    for name, module in parts.items():
        elsewhere = {str(tensor.device) for tensor in _tensors(module) if tensor.device.type != device}
        if elsewhere:
            raise ModelLoadFailed(
                f"La partie « {name} » du pipeline est restée sur {', '.join(sorted(elsewhere))}, pas sur {device}.",
                metadata={"field": name, "value": ", ".join(sorted(elsewhere)), "limit": device},
            )


def _build(recipe: PipelineRecipe, settings: PyannoteSettings, on_phase: OnPhase) -> Any:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    on_phase(LoadPhase.LOADING_WEIGHTS)

    def read(path: Path) -> Any:
        # Des poids entraînés portent parfois leur fonction de perte, inutile ici.
        return read_model(path, strict=False, trusted=settings.trust_checkpoint)

    # Le constructeur exige une PLDA ; un regroupement qui ne l'emploie pas n'en voit que le type.
    plda: Any = PLDA.from_pretrained(str(recipe.plda)) if recipe.plda is not None else object.__new__(PLDA)
    pipeline = SpeakerDiarization(
        segmentation=read(recipe.segmentation),
        embedding=read(recipe.embedding),
        plda=plda,
        clustering=recipe.clustering,
        embedding_exclude_overlap=recipe.embedding_exclude_overlap,
        segmentation_step=settings.segmentation_step or recipe.segmentation_step,
    )
    parameters = {key: dict(value) for key, value in recipe.parameters.items()}
    if settings.clustering_threshold:
        parameters.setdefault("clustering", {})["threshold"] = settings.clustering_threshold
    pipeline.instantiate(parameters)
    bound_clustering(pipeline, settings)
    return pipeline


def _tensors(module: Any) -> Iterator[Any]:
    return chain(module.parameters(), module.buffers())


def _clamped(count: int) -> int:
    """Plus grande puissance de deux qui tient, de 1 à 64."""
    size = 1
    while size * 2 <= min(count, _LARGEST):
        size *= 2
    return size
