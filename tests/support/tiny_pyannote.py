"""De petits pipelines pyannote aux poids tirés au sort, faits sur place : les vraies classes, sans réseau.

    python -m tests.support.tiny_pyannote DOSSIER

Les tours n'ont aucun sens, mais il y en a, de plusieurs locuteurs : le classifieur est rendu tranchant.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

_DIMENSION = 256
_LDA = 128


def community(folder: Path, *, full: bool = False) -> Path:
    """Écrit un pipeline rangé comme community-1 : tout dans un seul dépôt ; `full` : aux dimensions du vrai."""
    _save(_segmentation(full=full), folder / "segmentation")
    _save(_embedding(full=full), folder / "embedding")
    _plda(folder / "plda")
    _config(
        folder,
        {"pyannote.audio": "4.0.0"},
        {
            "clustering": "VBxClustering",
            "segmentation": "$model/segmentation",
            "embedding": "$model/embedding",
            "plda": "$model/plda",
        },
        {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
    )
    return folder


def legacy(folder: Path) -> Path:
    """Écrit un pipeline rangé comme la 3.1 : deux dépôts à part, que `config.yaml` nomme."""
    _save(_segmentation(), folder / "pyannote" / "segmentation-3.0")
    _save(_embedding(), folder / "pyannote" / "wespeaker-voxceleb-resnet34-LM")
    _config(
        folder,
        {"pyannote.audio": "3.1.0"},
        {
            "clustering": "AgglomerativeClustering",
            "segmentation": "pyannote/segmentation-3.0",
            "embedding": "pyannote/wespeaker-voxceleb-resnet34-LM",
        },
        {"method": "centroid", "min_cluster_size": 2, "threshold": 0.7045654963945799},
    )
    return folder


def _segmentation(*, full: bool = False) -> Any:
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(0)
    small = {"num_layers": 1, "hidden_size": 16}
    shape: dict[str, Any] = (
        {"lstm": {"num_layers": 4, "hidden_size": 128}} if full else {"lstm": small, "linear": small}
    )
    model = PyanNet(sincnet={"stride": 10}, **shape)
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        min_duration=None,
        warm_up=(0.0, 0.0),
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model.build()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        model.classifier.weight.mul_(40)
        model.classifier.bias[0] -= 1
    return model


def _embedding(*, full: bool = False) -> Any:
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34, XVectorSincNet

    torch.manual_seed(1)
    # ResNet34 met plus longtemps que l'audio sur deux cœurs.
    model = WeSpeakerResNet34() if full else XVectorSincNet(sincnet={"stride": 10}, dimension=_DIMENSION)
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0, min_duration=None, classes=None
    )
    return model


def _save(model: Any, folder: Path) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": "2.4.0",
        "epoch": 0,
        "global_step": 0,
    }
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "pytorch_model.bin")


def _plda(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    lda = random.normal(size=(_DIMENSION, _LDA)) / 16
    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(_DIMENSION), mean2=np.zeros(_LDA), lda=lda)
    rotation, _ = np.linalg.qr(random.normal(size=(_LDA, _LDA)))
    spread = np.sort(random.uniform(0.1, 10, _LDA))[::-1]
    np.savez(folder / "plda.npz", mu=np.zeros(_LDA), tr=rotation, psi=spread)


def plain_plda(folder: Path) -> Path:
    """Écrit une PLDA qui ne transforme rien : des empreintes choisies gardent leurs distances."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "xvec_transform.npz", mean1=np.zeros(_DIMENSION), mean2=np.zeros(_LDA), lda=np.eye(_DIMENSION, _LDA)
    )
    np.savez(folder / "plda.npz", mu=np.zeros(_LDA), tr=np.eye(_LDA), psi=np.linspace(10, 1, _LDA))
    return folder


def _config(folder: Path, needs: dict[str, str], params: dict[str, Any], clustering: dict[str, Any]) -> None:
    import yaml

    common = {"segmentation_batch_size": 32, "embedding_batch_size": 32, "embedding_exclude_overlap": True}
    config = {
        "dependencies": needs,
        "pipeline": {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": {**params, **common}},
        "params": {"clustering": clustering, "segmentation": {"min_duration_off": 0.0}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for built in (community(target / "community-1"), legacy(target / "3.1")):
        print(built.name, sum(path.stat().st_size for path in built.rglob("*") if path.is_file()))
