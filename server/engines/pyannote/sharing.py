"""Un pipeline de pyannote dont plusieurs ondes partagent les modèles, et chaque fenêtre ses locuteurs.

pyannote refait le réseau des empreintes pour chaque locuteur d'une fenêtre, dont seul change ce qui en est moyenné :
une fenêtre y passe ici une fois, avec les masques de tous ses locuteurs. La suite des fenêtres se prépare pendant que
les modèles calculent.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from server.engines.pyannote.batches import Part, SharedBatches, Submit

_AHEAD = 2
"""Lots d'une onde demandés d'avance."""


def share(pipeline: Any, submit: Submit, sizes: Callable[[], tuple[int, int]]) -> SharedBatches:
    """Fait passer les modèles de ce pipeline par des lots communs.

    Args:
        submit: fait appeler une fonction dans le fil qui possède les modèles.
        sizes: fenêtres par lot, au plus, de la segmentation et des empreintes.
    """
    batches = SharedBatches(submit)
    segmentation = Part("segmentation", pipeline._segmentation.infer, lambda: sizes()[0])

    def infer(chunks: Any) -> Any:
        return batches.ask(segmentation, chunks).result()

    pipeline._segmentation.infer = infer
    embedding = pipeline._embedding
    if pipeline.embedding_exclude_overlap:
        # Demandée plus tard, elle serait cherchée hors du fil des modèles.
        _ = embedding.min_num_samples
    masked = Part("embedding", lambda waves, masks: embedding(waves, masks=masks), lambda: sizes()[1])

    def get_embeddings(file: Any, spoken: Any, exclude_overlap: bool = False, hook: Any = None) -> Any:
        total = math.ceil(len(spoken.data) / pipeline.embedding_batch_size)
        if hook is not None:
            hook("embeddings", None, total=total, completed=0)
        found: list[Any] = []
        asked: deque[Any] = deque()

        def settle() -> None:
            found.append(asked.popleft().result())
            if hook is not None:
                hook("embeddings", found[-1], total=total, completed=len(found))

        for waves, masks in _windows(pipeline, file, spoken, exclude_overlap):
            asked.append(batches.ask(masked, waves, masks))
            if len(asked) >= _AHEAD:
                settle()
        while asked:
            settle()
        return np.concatenate(found)

    pipeline.get_embeddings = get_embeddings
    return batches


def _windows(pipeline: Any, file: Any, spoken: Any, exclude_overlap: bool) -> Iterator[tuple[Any, Any]]:
    """Fenêtres d'une onde par lots : leurs échantillons (n, 1, m), et qui y parle (n, locuteurs, trames)."""
    import torch

    frames, size = spoken.data.shape[1], pipeline.embedding_batch_size
    least = -1
    if exclude_overlap:
        samples = spoken.sliding_window.duration * pipeline._embedding.sample_rate
        least = math.ceil(frames * pipeline._embedding.min_num_samples / samples)
    for first in range(0, len(spoken.data), size):
        data = spoken.data[first : first + size]
        waves = [
            pipeline._audio.crop(file, spoken.sliding_window[first + index], mode="pad")[0]
            for index in range(len(data))
        ]
        masks = np.nan_to_num(data, nan=0.0).astype(np.float32)
        if exclude_overlap:
            clean = np.nan_to_num(data * (np.sum(data, axis=2, keepdims=True) < 2), nan=0.0).astype(np.float32)
            # Qui ne parle jamais assez seul garde ce qu'il dit avec d'autres.
            masks = np.where(np.sum(clean, axis=1, keepdims=True) > least, clean, masks)
        yield torch.stack(waves), torch.from_numpy(np.ascontiguousarray(masks.transpose(0, 2, 1)))
