"""Ce que vLLM compile à son premier usage, provoqué avant d'être prêt ; n'importe pas vLLM.

Triton compile ses noyaux à leur premier appel, une fois par famille de tailles et par sorte de tirage : sur un H200, la
première rafale attendait onze secondes. Chaque rafale d'ici en provoque une.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STEPS = (1024, 1536, 2048, 3072, 4096, 8192)
"""Jetons lus en une étape, aux seuils des tables de vLLM pour ses noyaux d'experts ; ses graphes couvrent le reste."""
_TRITON_BATCH = 8
"""Plus petit lot que vLLM tire par Triton."""

KINDS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"temperature": 0},
    "plain": {"temperature": 1, "top_p": 1, "top_k": 0},
    "top_k": {"temperature": 1, "top_p": 1, "top_k": 20},
    "top_p": {"temperature": 1, "top_p": 0.9, "top_k": 0},
    "top_k_top_p": {"temperature": 1, "top_p": 0.9, "top_k": 20},
    "min_p": {"temperature": 1, "min_p": 0.1},
    "seed": {"temperature": 1, "top_k": 20, "seed": 7},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5, "repetition_penalty": 1.1},
    "logprobs": {"logprobs": 1},
    "grammar": {"structured_outputs": {"regex": "[ab]{2}"}},
}
"""Sortes de tirage."""


@dataclass(frozen=True)
class Round:
    """Requêtes menées ensemble."""

    name: str
    requests: int
    prompt_tokens: int = 8
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Champs de chacune, en plus de son texte et de sa longueur."""


def rounds(*, max_running: int, step_tokens: int, context_tokens: int) -> list[Round]:
    """Rafales d'un échauffement, de la plus ordinaire à la plus rare.

    Args:
        max_running: suites que l'ordonnanceur mène de front.
        step_tokens: jetons qu'il lit en une étape, au plus.
        context_tokens: longueur du contexte du modèle.
    """
    found = [Round(f"batch_{size}", size) for size in _batches(max_running)]
    for kind, fields in KINDS.items():
        # Triton distingue les nombres divisibles par seize.
        sizes = sorted({min(_TRITON_BATCH, max_running), min(2 * _TRITON_BATCH, max_running)})
        found += [Round(f"{kind}_{size}", size, fields=fields) for size in sizes]
    ceiling = min(step_tokens, context_tokens - 2)
    for tokens in _STEPS:
        found += [Round(f"prompt_{size}", 1, size) for size in (tokens, tokens - 1) if size <= ceiling]
    return found


def prompt(request: int, tokens: int, vocabulary: int) -> list[int]:
    """Texte de départ d'une requête, par ses jetons ; aucun ne commence comme un autre, que le cache rendrait."""
    usable = max(1, vocabulary // 2)
    return [(request * 8191 + place * 127 + 1) % usable for place in range(tokens)]


def _batches(max_running: int) -> list[int]:
    sizes = []
    size = 1
    while size < max_running:
        sizes.append(size)
        size *= 2
    return [*sizes, max_running]
