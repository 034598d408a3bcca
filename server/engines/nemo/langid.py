"""La langue parlée, quand la requête n'en dit rien : un modèle de NeMo (AmberNet) qui ne fait que cela, avant Canary.

Il est lu d'un second `.nemo`, que l'option `language_model` nomme, posé sur le même périphérique et appelé du même fil,
par lots d'ondes. Il choisit parmi les langues que le modèle de transcription connaît.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.engines.base_audio import Wave
from server.engines.common.options import refusal
from server.engines.nemo.model import padded, prepare, restored
from server.errors import ModelLoadFailed

_OTHER_NAMES = {"iw": "he", "jw": "jv"}
"""Anciens codes, que VoxLingua107 emploie encore."""


class LanguageModel:
    """Un modèle de langues ouvert."""

    def __init__(self, model: Any, known: Sequence[str], device: Any) -> None:
        """`known` : langues du modèle de transcription.

        Raises:
            ModelLoadFailed: le point de contrôle ne nomme pas ses langues, ou n'en a aucune de connue.
        """
        import torch

        self._model = model
        self._device = device
        training = model.cfg.get("train_ds") or {}
        labels = [_OTHER_NAMES.get(str(label), str(label)) for label in training.get("labels") or ()]
        self._ranks = {label: rank for rank, label in enumerate(labels) if label in known}
        if not self._ranks:
            told = ", ".join(labels[:8]) or "aucune"
            raise refusal("language_model", f"aucune langue du modèle n'y est nommée (il nomme : {told})", "")
        prepare(model, device, torch.float32)

    def hear(self, waves: Sequence[Wave], among: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
        """Langue de chaque onde et sa probabilité, parmi les langues permises à cette onde."""
        import torch

        signal, lengths = padded(waves, self._device)
        with torch.inference_mode():
            logits, _ = self._model.forward(input_signal=signal, input_signal_length=lengths)
            scores = torch.softmax(logits.float(), dim=-1).cpu()
        found = []
        for row, allowed in zip(scores, among, strict=True):
            ranks = {name: rank for name, rank in self._ranks.items() if not allowed or name in allowed} or self._ranks
            best = max(ranks, key=lambda name: float(row[ranks[name]]))
            found.append((best, min(1.0, float(row[ranks[best]]))))
        return found


def load_language_model(path: Path, known: Sequence[str], device: Any) -> LanguageModel:
    """Lit le modèle de langues.

    Raises:
        ModelLoadFailed: fichier absent, illisible, ou qui n'est pas un modèle de langues ; `options.language_model`.
    """
    if not known:
        raise refusal("language_model", "ce modèle de transcription reconnaît la langue de lui-même", str(path))
    if not path.is_file():
        raise refusal("language_model", "ce fichier n'existe pas", str(path))
    try:
        model = restored(str(path), device)
    except Exception as error:
        raise refusal("language_model", f"NeMo n'a pas pu lire ce fichier ({error})", str(path)) from error
    name = type(model).__name__
    if name != "EncDecSpeakerLabelModel":
        raise ModelLoadFailed(
            f"options.language_model : la classe {name} n'est pas un modèle de langues (EncDecSpeakerLabelModel).",
            metadata={"field": "options.language_model", "value": name, "limit": "EncDecSpeakerLabelModel"},
        )
    return LanguageModel(model, known, device)
