"""Les courbes de `bench.growth`, en SVG.

    .engines/pyannote/bin/python -m bench.curves croissance.json docs/images/croissance.svg

matplotlib, que pyannote.audio apporte, trace ; rien d'autre n'en dépend.
"""

import json
import sys
from pathlib import Path
from typing import Any

_UNITS = {"chat": "par jeton rendu", "audio": "par seconde d'audio"}
_ROLES = ("front", "exemplaire", "Envoy")


def main() -> None:
    """Lit les relevés et trace."""
    found, target = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2])
    draw({part: found[part] for part in _UNITS if part in found}, target)


def draw(found: dict[str, list[dict[str, Any]]], target: Path) -> None:
    """Trace le processeur par unité selon le nombre de clients, une figure par partie."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {
        "svg.hashsalt": "passerelle",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
    }
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(found), figsize=(4.6 * len(found), 3.4), squeeze=False)
    for axis, (part, rows) in zip(axes[0], found.items(), strict=True):
        counts = [row["count"] for row in rows]
        axis.plot(counts, [sum(row["micros"].values()) for row in rows], marker="o", label="tout")
        for role in _ROLES:
            axis.plot(counts, [row["micros"][role] for row in rows], marker=".", linewidth=1, label=role)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.minorticks_off()
        axis.set_xlabel("clients")
        axis.set_ylabel(f"µs de processeur {_UNITS[part]}")
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
