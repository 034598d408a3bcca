"""Le moteur de diarisation, face au pipeline de pyannote tel quel, dans le même processus, tour à tour.

`.engines/pyannote/bin/python -m bench.diarization [--files 1,8] [--seconds 14] [--rounds 2] [--device cpu]` : un
pipeline aux dimensions de community-1, poids tirés au hasard ; le pipeline seul mène les fichiers l'un après l'autre,
le moteur tous ensemble. Les tours doivent être les mêmes.
"""

import argparse
import asyncio
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.load import machine, spread
from server.engines.base import EngineSpec, unheard
from server.engines.base_audio import SAMPLE_RATE, DiarizationOptions, Wave
from server.engines.pyannote.engine import PyannoteLoader, create_engine
from server.engines.pyannote.pipeline import turns_of
from tests.support import tiny_pyannote


def main() -> None:
    """Joue toutes les charges et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", default="1,8")
    parser.add_argument("--seconds", type=int, default=14)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="banc-") as folder:
        model = tiny_pyannote.community(Path(folder), full=True)
        for files in map(int, asked.files.split(",")):
            options = {"parallel": files}
            spec = EngineSpec("pyannote", model, options, threads=psutil.cpu_count() or 1, device=asked.device)
            asyncio.run(compare(spec, [wave(seed, asked.seconds) for seed in range(files)], asked.rounds))


def wave(seed: int, seconds: int) -> Wave:
    """Un bruit dont le niveau change chaque seconde : ces poids y voient des tours."""
    random = np.random.default_rng(seed)
    levels = random.choice([0.01, 0.02, 0.05, 0.1, 0.2, 0.3], seconds)
    return np.concatenate([random.standard_normal(SAMPLE_RATE) * level for level in levels]).astype(np.float32)


async def compare(spec: EngineSpec, waves: Sequence[Wave], rounds: int) -> None:
    """Mène les mêmes ondes de chaque côté, tour à tour, une première fois à blanc."""
    stock = PyannoteLoader(spec).load(spec, unheard)
    engine = create_engine(spec)
    await engine.open()
    await engine.warm_up()
    costs: dict[str, list[tuple[float, float]]] = {"pipeline": [], "moteur": []}
    by_stock(stock, waves[0])
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        alone = [by_stock(stock, one) for one in waves]
        middle = time.perf_counter(), time.process_time()
        together = await asyncio.gather(*(engine.diarize(one, DiarizationOptions(), unseen) for one in waves))
        end = time.perf_counter(), time.process_time()
        assert [found.turns for found in together] == alone, "les tours diffèrent"
        costs["pipeline"].append((middle[0] - start[0], middle[1] - start[1]))
        costs["moteur"].append((end[0] - middle[0], end[1] - middle[1]))
    await engine.close()
    seconds = sum(len(one) for one in waves) / SAMPLE_RATE
    for name, found in costs.items():
        took, busy = ([one[kind] / seconds for one in found] for kind in (0, 1))
        print(
            f"{len(waves)} fichier(s), {name} : {spread(took, 3)} s, {spread(busy, 3)} s de processeur, par seconde d'audio"
        )
    for kind, label in ((0, "durée"), (1, "processeur")):
        ratios = [a[kind] / b[kind] for a, b in zip(costs["pipeline"], costs["moteur"], strict=True)]
        print(f"{len(waves)} fichier(s), {label} du pipeline sur celle du moteur : {spread(ratios)}")


def by_stock(pipeline: Any, samples: Wave) -> Any:
    """Tours que rend le pipeline de pyannote."""
    import torch

    found = pipeline({"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE, "uri": "audio"})
    return turns_of(found.speaker_diarization, len(samples) / SAMPLE_RATE)


def unseen(_stage: str, _ratio: float) -> None:
    """Avancement ignoré."""


if __name__ == "__main__":
    main()
