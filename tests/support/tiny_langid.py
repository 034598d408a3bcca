"""Un petit modèle de langues fait sur place, à la vraie classe de NeMo, qui connaît par cœur les ondes de `tiny_canary`.

python -m tests.support.tiny_langid FICHIER
"""

import sys
from pathlib import Path
from typing import Any

from tests.support.tiny_canary import wave
from tests.support.tiny_nemo import HIDDEN, preprocessor

LABELS = ("zh", "de", "fr", "iw", "en")
"""Langues du modèle ; le petit Canary n'en connaît pas toutes."""
SPOKEN = {"bref": "fr", "long": "en"}
"""Langue de chaque onde."""
_MAX_STEPS = 200
_LEARNT = 0.05


def langid(path: Path, labels: tuple[str, ...] = LABELS) -> Path:
    """Écrit un modèle de langues minuscule, de l'architecture d'AmberNet (convolutions, puis statistiques)."""
    import torch
    from nemo.collections.asr.models import EncDecSpeakerLabelModel
    from omegaconf import OmegaConf, open_dict

    torch.manual_seed(0)
    model: Any = EncDecSpeakerLabelModel(cfg=OmegaConf.create(_config(labels)))
    waves = torch.stack([torch.from_numpy(wave(name)) for name in SPOKEN])
    lengths = torch.full((len(waves),), waves.shape[1])
    targets = torch.tensor([labels.index(language) if language in labels else 0 for language in SPOKEN.values()])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.eval()
    for _ in range(_MAX_STEPS):
        logits, _ = model.forward(input_signal=waves, input_signal_length=lengths)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        if loss.item() < _LEARNT:
            with open_dict(model.cfg):
                # NeMo n'y garde les noms des langues que parce que l'entraînement les donnait.
                model.cfg.train_ds = {"manifest_filepath": "absent.json", "labels": list(labels)}
            model.save_to(str(path))
            return path
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    raise RuntimeError(f"le petit modèle de langues n'a pas appris ses ondes (perte {loss.item():.3f})")


def _config(labels: tuple[str, ...]) -> dict[str, Any]:
    block = {
        "dilation": [1],
        "dropout": 0.0,
        "kernel": [3],
        "repeat": 1,
        "residual": False,
        "stride": [1],
        "separable": True,
    }
    return {
        "sample_rate": 16000,
        "preprocessor": preprocessor(),
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConvASREncoder",
            "feat_in": 64,
            "activation": "relu",
            "conv_mask": True,
            "jasper": [{"filters": HIDDEN, **block}, {"filters": HIDDEN, **block}],
        },
        "decoder": {
            "_target_": "nemo.collections.asr.modules.SpeakerDecoder",
            "feat_in": HIDDEN,
            "num_classes": len(labels),
            "pool_mode": "xvector",
            "emb_sizes": 32,
            "angular": False,
        },
        "optim": {"name": "adamw", "lr": 1e-3},
    }


if __name__ == "__main__":
    print(langid(Path(sys.argv[1])).stat().st_size)
