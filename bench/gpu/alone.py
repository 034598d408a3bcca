"""NeMo et pyannote tels quels, chacun dans son processus, qui attend qu'on le fasse tourner : les pairs de `bench.gpu.speech`.

    .engines/nemo/bin/python -m bench.gpu.alone nemo FICHIER.nemo cuda
    .engines/pyannote/bin/python -m bench.gpu.alone pyannote DOSSIER cuda

Chaque ligne lue, `{"waves": FICHIER.npz, "batch": 32}`, mène toutes les ondes du fichier et rend une ligne : les secondes, et ce
qui a été rendu (mots ou tours).
"""

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_SPECIAL = re.compile(r"<\|[^|]*\|>")
Run = Callable[[Sequence[Any], int], int]


def main() -> None:
    """Ouvre le modèle, puis mène ce qui est demandé."""
    kind, path, device = sys.argv[1:]
    run = {"nemo": nemo, "pyannote": pyannote}[kind](Path(path), device)
    answers = sys.stdout
    sys.stdout = sys.stderr
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        with np.load(asked["waves"]) as file:
            waves = [file[name] for name in file.files]
        begin = time.perf_counter()
        count = run(waves, asked["batch"])
        print(json.dumps({"seconds": time.perf_counter() - begin, "count": count}), file=answers, flush=True)


def nemo(path: Path, device: str) -> Run:
    """`transcribe` de NeMo, en bf16 sur un GPU, recherche gloutonne, les ondes rangées par longueur comme il le conseille."""
    import torch
    from nemo.collections.asr.models import ASRModel
    from omegaconf import OmegaConf

    from server.engines.nemo.options import NemoSettings

    model = ASRModel.restore_from(str(path), map_location=device).eval()
    model = model.to(torch.bfloat16 if device == "cuda" else torch.float32)
    delta = NemoSettings().generation_delta(OmegaConf.select(model.cfg, "decoding.beam.max_generation_delta"))
    greedy = {"strategy": "greedy", "greedy": {"max_generation_delta": delta, "temperature": None}}
    model.change_decoding_strategy(OmegaConf.create(greedy))

    def run(waves: Sequence[Any], batch: int) -> int:
        ordered = sorted(waves, key=len, reverse=True)
        with torch.inference_mode():
            found = model.transcribe(
                audio=ordered,
                batch_size=batch,
                source_lang="en",
                target_lang="en",
                pnc="yes",
                return_hypotheses=True,
                verbose=False,
            )
        return sum(len(_SPECIAL.sub("", one.text).split()) for one in found)

    return run


def pyannote(path: Path, device: str) -> Run:
    """Le pipeline, une onde après l'autre, ses lots à la taille que le moteur leur donne."""
    import psutil
    import torch

    from server.engines.base import EngineSpec, unheard
    from server.engines.base_audio import SAMPLE_RATE
    from server.engines.pyannote.engine import PyannoteLoader

    spec = EngineSpec("pyannote", path, {}, threads=psutil.cpu_count() or 1, device=device)
    pipeline = PyannoteLoader(spec).load(spec, unheard)

    def run(waves: Sequence[Any], batch: int) -> int:
        told = [{"waveform": torch.from_numpy(one)[None], "sample_rate": SAMPLE_RATE, "uri": "audio"} for one in waves]
        return sum(len(pipeline(one).speaker_diarization) for one in told)

    return run


if __name__ == "__main__":
    main()
