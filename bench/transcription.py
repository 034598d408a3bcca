"""Un fichier dans un exemplaire (décodage, détection de parole, moteur), face à faster-whisper seul, tour à tour.

`python -m bench.transcription [--files 3] [--rounds 2]` : temps de processeur seulement, celui du décodage compris, qui
se compare même sur une machine occupée. Le chemin entier, front et Envoy compris, est dans `bench.speech`.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import psutil
from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2

from bench.load import machine, spread
from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE
from server.engines.whisper.engine import WhisperEngine
from server.worker.handlers import Handler, handlers_for
from tests.support import audio_files
from tests.support.speech_engines import embedded


def main() -> None:
    """Joue les tours et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    texts = json.loads((audio_files.DATA / "transcripts.json").read_text(encoding="utf-8"))
    french = sorted((len(audio_files.speech(name)), name) for name in texts if name.startswith("fr"))
    print(machine())
    with tempfile.TemporaryDirectory(prefix="banc-") as folder:
        asyncio.run(compare(Path(folder), [name for _, name in french][: asked.files], asked.rounds))


async def compare(folder: Path, names: Sequence[str], rounds: int) -> None:
    """Mène les mêmes fichiers de chaque côté, une première fois à blanc."""
    from faster_whisper import WhisperModel

    engine = cast("WhisperEngine", embedded("canary", folder))
    await engine.open()
    await engine.warm_up()
    alone = WhisperModel(str(engine._spec.model_dir), device="cpu", compute_type="int8", cpu_threads=1)
    handler = handlers_for(engine, folder, Limits())[link_pb2.REQUEST_KIND_TRANSCRIBE]
    seconds = sum(len(audio_files.speech(name)) for name in names) / SAMPLE_RATE
    costs: dict[str, list[float]] = {"exemplaire": [], "seul": []}
    for turn in range(rounds + 1):
        start = busy()
        for name in names:
            by_itself(alone, name)
        middle = busy()
        for name in names:
            await by_worker(handler, folder, name)
        if turn:
            costs["seul"].append((middle - start) / seconds)
            costs["exemplaire"].append((busy() - middle) / seconds)
    await engine.close()
    for side, found in costs.items():
        print(f"{side} : {spread(found, 4)} s de processeur par seconde d'audio")
    ratios = [ours / theirs for ours, theirs in zip(costs["exemplaire"], costs["seul"], strict=True)]
    print(f"exemplaire sur seul, {len(names)} fichiers de {seconds / len(names):.1f} s : {spread(ratios, 3)}")


def by_itself(model: Any, name: str) -> None:
    """Transcrit par faster-whisper, l'onde déjà en mémoire."""
    options = {"language": "fr", "beam_size": 1, "condition_on_previous_text": False}
    list(model.transcribe(audio_files.speech(name), **options)[0])


async def by_worker(handler: Handler, folder: Path, name: str) -> None:
    """Transcrit par l'exemplaire, depuis un WAV de la réserve."""
    (folder / "f").write_bytes(audio_files.wav(audio_files.speech(name)))
    config = transcribe_pb2.TranscribeConfig(language="fr").SerializeToString()
    async for _ in handler(link_pb2.Submit(request_id="r", spool_name="f", payload=config), None):
        pass


def busy() -> float:
    """Temps de processeur de ce processus et de ses enfants, finis compris."""
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(child.cpu_times()[:4]) for child in children)


if __name__ == "__main__":
    main()
