"""Les mesures d'une machine à GPU, une partie à la fois.

    python -m bench.gpu compare --weights DOSSIER [--streams 1,64,256,512] [--folder DOSSIER]

`--weights` désigne un modèle au format du hub (les poids peuvent y manquer : ils sont alors tirés au hasard).
Les tableaux partent sur la sortie, les journaux dans `--folder`.
"""

import argparse
import tempfile
from pathlib import Path

from bench.gpu.compare import LOADS, compare
from bench.load import machine


def main() -> None:
    """Lit la ligne de commande et mesure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["compare"])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--streams", default="1,64,256,512")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mesure-"))
    folder.mkdir(parents=True, exist_ok=True)
    streams = {int(one) for one in options.streams.split(",")}
    print(f"Machine : {machine()}", flush=True)
    compare(options.weights.resolve(), folder, [load for load in LOADS if load.streams in streams])


if __name__ == "__main__":
    main()
