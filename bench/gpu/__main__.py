"""Les mesures d'une machine à GPU.

    python -m bench.gpu bare --qwen DOSSIER --folder DOSSIER
    python -m bench.gpu served --qwen DOSSIER [--canary DOSSIER] [--pyannote DOSSIER] --folder DOSSIER
    python -m bench.gpu several --qwen DOSSIER --canary DOSSIER --pyannote DOSSIER --folder DOSSIER

`bare` mesure `vllm serve` nu, à un puis à quatre serveurs d'API ; `served`, sur la même machine, le produit sous la même charge, écrit les rapports, puis
mène la vie des trois modèles sur le premier GPU. `several` demande au moins deux GPU : il met côte à côte autant de
`vllm serve` et d'exemplaires, en ajoute et en retire sous charge, en tue, et répartit la parole. Chaque dossier est un modèle au format du hub ; les poids de qwen
peuvent y manquer, ils sont alors tirés au hasard. Les tableaux partent sur la sortie, les journaux dans `--folder`.
À lancer par l'interpréteur de l'environnement de vLLM, qui porte aussi le client de mesure ; `PASSERELLE_ENVS_DIR` dit
où sont les trois environnements.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.gpu.compare import LOADS, OPTIONS, measure_bare, measure_served, report
from bench.gpu.life import attempt, live, load, say, used_memory
from bench.gpu.serve_bench import Load
from bench.gpu.several import bare_fleet, face_to_face, minute, several, tensor
from bench.installation import Weights, serving
from bench.load import machine

ROOT = Path(__file__).resolve().parents[2]
_SMALL = {"memory": {"working_gib": 1.0}}
"""Mémoire des petits modèles de parole, à côté de vLLM."""


def main() -> None:
    """Lit la ligne de commande et mesure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["bare", "served", "several"])
    parser.add_argument("--qwen", type=Path, required=True)
    parser.add_argument("--canary", type=Path)
    parser.add_argument("--pyannote", type=Path)
    parser.add_argument("--loads", default="1,16,64,256,512", help=f"parmi {', '.join(LOADS)}")
    parser.add_argument("--api-servers", default="1,4", help="formes de vllm serve que mesure `bare`")
    parser.add_argument(
        "--option", action="append", default=[], help="NOM=VALEUR en JSON, pour vLLM derrière le produit"
    )
    parser.add_argument("--recording", type=Path, default=ROOT / "tests" / "data" / "en" / "austen-0880.wav")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    folder, qwen = options.folder, options.qwen.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    loads = [LOADS[name] for name in options.loads.split(",")]
    told = OPTIONS | {name: json.loads(value) for name, value in (one.split("=", 1) for one in options.option)}
    print(f"Machine : {machine()}", flush=True)
    if options.part == "bare":
        measure_bare(qwen, folder, loads, [int(one) for one in options.api_servers.split(",")])
        return
    models = [
        Weights("qwen", "chat", "vllm", qwen, told, {"max_waiting": 1024, "load_options": ["tensor_parallel_size"]}),
        *([Weights("canary", "transcribe", "canary", options.canary, {}, _SMALL)] if options.canary else []),
        *([Weights("pyannote", "diarize", "pyannote", options.pyannote, {}, _SMALL)] if options.pyannote else []),
    ]
    if options.part == "several":
        measure_several(models, qwen, folder, loads, options.recording)
        return
    with serving(models, folder) as product:
        say("GPU avant tout", used_memory())
        attempt(load, product, "qwen")
        attempt(measure_served, product, qwen, folder, loads)
        attempt(report, folder, loads)
        live(product, tuple(model.key for model in models), options.recording)


def measure_several(
    models: Sequence[Weights], qwen: Path, folder: Path, loads: Sequence[Load], recording: Path
) -> None:
    """Tout ce que plusieurs GPU permettent."""
    say("GPU avant tout", used_memory())
    gpus = list(range(used_memory().count("+") + 1))
    with ExitStack() as peer:
        url, processes, together = peer.enter_context(bare_fleet(qwen, folder, gpus))
        with serving(models, folder) as product:
            attempt(load, product, "qwen", gpus[-1:])
            attempt(face_to_face, product, qwen, folder, url, processes, loads)
            peer.close()
            several(product, qwen, folder, gpus, minute(recording), together)
            attempt(tensor, product, gpus)


if __name__ == "__main__":
    main()
