"""Les mesures d'une machine à GPU, en deux lancements qui tiennent chacun en dix minutes.

    python -m bench.gpu bare --qwen DOSSIER --folder DOSSIER
    python -m bench.gpu served --qwen DOSSIER [--canary DOSSIER] [--pyannote DOSSIER] --folder DOSSIER

`bare` mesure `vllm serve` nu ; `served`, sur la même machine, le produit sous la même charge, écrit les rapports, puis
mène la vie des trois modèles sur le premier GPU. Chaque dossier est un modèle au format du hub ; les poids de qwen
peuvent y manquer, ils sont alors tirés au hasard. Les tableaux partent sur la sortie, les journaux dans `--folder`.
À lancer par l'interpréteur de l'environnement de vLLM, qui porte aussi le client de mesure ; `PASSERELLE_ENVS_DIR` dit
où sont les trois environnements.
"""

import argparse
from pathlib import Path

from bench.gpu.compare import LOADS, OPTIONS, measure_bare, measure_served, report
from bench.gpu.installation import Weights, serving
from bench.gpu.life import attempt, live, load, say, used_memory
from bench.load import machine

ROOT = Path(__file__).resolve().parents[2]
_SMALL = {"memory": {"working_gib": 1.0}}
"""Mémoire des petits modèles de parole, à côté de vLLM."""


def main() -> None:
    """Lit la ligne de commande et mesure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["bare", "served"])
    parser.add_argument("--qwen", type=Path, required=True)
    parser.add_argument("--canary", type=Path)
    parser.add_argument("--pyannote", type=Path)
    parser.add_argument("--streams", default="1,64,256,512")
    parser.add_argument("--recording", type=Path, default=ROOT / "tests" / "data" / "en" / "austen-0880.wav")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    folder, qwen = options.folder, options.qwen.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    streams = {int(one) for one in options.streams.split(",")}
    loads = [one for one in LOADS if one.streams in streams]
    print(f"Machine : {machine()}", flush=True)
    if options.part == "bare":
        measure_bare(qwen, folder, loads)
        return
    models = [
        Weights("qwen", "chat", "vllm", qwen, OPTIONS, {"max_waiting": 1024}),
        *([Weights("canary", "transcribe", "canary", options.canary, {}, _SMALL)] if options.canary else []),
        *([Weights("pyannote", "diarize", "pyannote", options.pyannote, {}, _SMALL)] if options.pyannote else []),
    ]
    with serving(models, folder) as product:
        say("GPU avant tout", used_memory())
        attempt(load, product, "qwen")
        attempt(measure_served, product, qwen, folder, loads)
        attempt(report, folder, loads)
        live(product, tuple(model.key for model in models), options.recording)


if __name__ == "__main__":
    main()
