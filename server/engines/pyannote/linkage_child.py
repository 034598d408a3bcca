"""Le processus qui construit un dendrogramme : scipy y garde pour lui son interpréteur, et une mémoire bornée.

Lancé seul (`python -I linkage_child.py RÉGLAGES`), il n'importe rien de Passerelle. Il lit sur son entrée des
empreintes, en flottants de 64 bits, et écrit le dendrogramme de même ; `RÉGLAGES` est du JSON : `rows`, `method`,
`metric`, et les bornes `seconds` (de processeur) et `memory_bytes`. Son code de sortie dit s'il a manqué de mémoire.
"""

import ctypes
import json
import resource
import signal
import sys
from typing import Any

SHORT_OF_MEMORY = 3
"""Code de sortie quand la mémoire permise n'a pas suffi."""
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Lit, calcule, écrit."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    settings: dict[str, Any] = json.loads(sys.argv[1])
    import numpy as np
    from scipy.cluster.hierarchy import linkage

    # Ce que les bibliothèques occupent déjà ne compte pas.
    with open("/proc/self/statm", "rb") as statm:
        most = int(statm.read().split()[0]) * resource.getpagesize() + int(settings["memory_bytes"])
    seconds = int(settings["seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        vectors = np.frombuffer(sys.stdin.buffer.read(), np.float64).reshape(settings["rows"], -1)
        found = linkage(vectors, method=settings["method"], metric=settings["metric"])
    except MemoryError:
        return SHORT_OF_MEMORY
    sys.stdout.buffer.write(np.ascontiguousarray(found, np.float64).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
