"""La détection de parole : le modèle Silero v6 (ONNX), sur le processeur, dans tous les profils.

Un pas est de 512 échantillons à 16 kHz (32 ms) ; l'état du modèle est gardé d'un bloc à l'autre. Le fichier ONNX est
celui que livre `faster-whisper`, lu sans importer ce paquet.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from server.engines.base_audio import Wave
from server.errors import ModelLoadFailed

STEP = 512
"""Échantillons par pas."""
_CONTEXT = 64


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
    """Probabilité de parole, pas à pas, d'une onde donnée bloc par bloc."""

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
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
