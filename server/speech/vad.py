"""La détection de parole : le modèle Silero v6 (ONNX), sur le processeur, dans tous les profils.

Un pas est de 512 échantillons à 16 kHz (32 ms) ; l'état du modèle est gardé d'un bloc à l'autre. Le fichier ONNX est
celui que livre `faster-whisper`, lu sans importer ce paquet.
"""

import importlib.util
from collections import deque
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import ModelLoadFailed
from server.speech.level import FAINT, rms

STEP = 512
"""Échantillons par pas."""
_CONTEXT = 64
_SPOKEN = 0.5
"""Probabilité à partir de laquelle un pas est de la parole."""
_ORDINARY_STEPS = 8 * SAMPLE_RATE // STEP
"""Temps gardé après une parole ordinaire, où rien n'est réécouté : ses pauses restent des pauses."""
_LEVEL_STEPS = SAMPLE_RATE // STEP
"""Temps sur lequel se mesure le niveau."""
_RAISED = 0.05
"""Niveau efficace où une onde très faible est relevée."""
_MOST_GAIN = 2000.0
"""Gain au plus : au-delà, ce ne serait que le bruit de quantification."""


class VadModel:
    """Session ONNX, partagée par toutes les requêtes d'un exemplaire."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            str(_model_path()), providers=["CPUExecutionProvider"], sess_options=options
        )

    def run(self, steps: Wave, hidden: Wave, cell: Wave) -> tuple[Wave, Wave, Wave]:
        """Probabilités de parole de pas consécutifs (n, 576), et l'état suivant."""
        outputs: list[Any] = self._session.run(None, {"input": steps, "h": hidden, "c": cell})
        return outputs[0].reshape(-1), outputs[1], outputs[2]


class SpeechDetector:
    """Probabilité de parole, pas à pas, d'une onde donnée bloc par bloc.

    Une parole très faible (sous -60 dBFS environ) se perd : tant que rien d'ordinaire n'est entendu, l'onde est aussi
    écoutée à un niveau relevé, et la plus grande probabilité vaut. Une parole ordinaire n'en voit rien.
    """

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self._plain = _Hearing(model)
        self._raised: _Hearing | None = None
        self._levels = deque([0.0] * _LEVEL_STEPS, _LEVEL_STEPS)
        self._ordinary = 0
        self._rest: Wave = np.zeros(0, np.float32)

    def push(self, samples: Wave) -> Wave:
        """Probabilités des pas entiers que ce bloc complète."""
        samples = np.concatenate([self._rest, samples])
        count = len(samples) // STEP
        self._rest = samples[count * STEP :].copy()
        return self._run(samples[: count * STEP])

    def flush(self) -> Wave:
        """Probabilité du dernier pas, complété de silence ; vide s'il ne reste rien."""
        if not len(self._rest):
            return np.zeros(0, np.float32)
        last = np.pad(self._rest, (0, STEP - len(self._rest)))
        self._rest = np.zeros(0, np.float32)
        return self._run(last)

    def _run(self, samples: Wave) -> Wave:
        if not len(samples):
            return np.zeros(0, np.float32)
        steps = samples.reshape(-1, STEP)
        found = self._plain.run(steps)
        gains = [self._gain(p, level) for p, level in zip(found.tolist(), rms(steps).tolist(), strict=True)]
        if not any(gains):
            self._raised = None
            return found
        for faint, group in groupby(enumerate(gains), key=lambda item: item[1] > 0):
            if not faint:
                self._raised = None
                continue
            self._raised = self._raised or _Hearing(self._model)
            at = [index for index, _ in group]
            raised = steps[at] * np.array([[gains[index]] for index in at], np.float32)
            found[at] = np.maximum(found[at], self._raised.run(np.clip(raised, -1.0, 1.0)))
        return found

    def _gain(self, probability: float, level: float) -> float:
        """Gain où réécouter un pas ; 0 s'il suffit de l'avoir entendu."""
        self._levels.append(level)
        self._ordinary = _ORDINARY_STEPS if probability >= _SPOKEN and level >= FAINT else max(0, self._ordinary - 1)
        loudest = max(self._levels)
        if self._ordinary or not 0 < loudest < FAINT:
            return 0.0
        return min(_MOST_GAIN, _RAISED / loudest)


class _Hearing:
    """Le modèle et son état, d'un pas à l'autre."""

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def run(self, steps: Wave) -> Wave:
        """Probabilités de pas consécutifs (n, 512)."""
        before = np.concatenate([self._context[None], steps[:-1, -_CONTEXT:]])
        self._context = steps[-1, -_CONTEXT:].copy()
        joined = np.concatenate([before, steps], axis=1).astype(np.float32)
        result, self._hidden, self._cell = self._model.run(joined, self._hidden, self._cell)
        return result


def _model_path() -> Path:
    found = importlib.util.find_spec("faster_whisper")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "assets" / "silero_vad_v6.onnx"
        if path.is_file():
            return path
    raise ModelLoadFailed("Le modèle de détection de parole (silero_vad_v6.onnx, de faster-whisper) est absent.")
