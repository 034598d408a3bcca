"""Les extraits que donne la page, lancés tels quels."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.product import ROOT

RUNNERS = {
    "curl": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "node": ["node", "--input-type=module", "--eval"],
    "grpc": [sys.executable, "-c"],
}
"""De quoi lancer l'extrait de chaque langage."""


def run(language: str, snippet: str, place: Path, key: str = "") -> subprocess.CompletedProcess[str]:
    """Lance un extrait tel qu'il a été copié, dans le dossier `place` ; `key` : la clé qu'il lit de l'environnement."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "gen" / "python"), "PYTHONIOENCODING": "utf-8"}
    env |= {"PASSERELLE_KEY": key} if key else {}
    command = [*RUNNERS[language], snippet]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=120, check=False)


def run_all(language: str, snippets: list[str], place: Path) -> list[str]:
    """Lance des extraits d'un langage l'un après l'autre, dans un seul processus ; rend ce que chacun affiche.

    Raises:
        AssertionError: l'un d'eux a échoué.
    """
    # Une marque devant chacun : un WebSocket de Node, le dernier, n'affiche qu'une fois le programme lu.
    if language == "curl":
        text = "set -e\n" + "".join(f"printf '\\0'\n{one}\n" for one in snippets)
    elif language == "node":
        for rank, one in enumerate(snippets):
            (place / f"{rank}.mjs").write_text(one, encoding="utf-8")
        text = "".join(
            f"process.stdout.write('\\0');await import('{place}/{rank}.mjs');" for rank in range(len(snippets))
        )
    else:
        text = f"for one in {snippets!r}:\n    print(end='\\0', flush=True)\n    exec(one, {{}})"
    done = run(language, text, place)
    assert done.returncode == 0, f"{language} : {done.stdout}{done.stderr}"
    return done.stdout.split("\0")[1:]


def with_packages(place: Path) -> Path:
    """Le dossier, avec les paquets Node de la page."""
    (place / "node_modules").symlink_to(ROOT / "dashboard" / "node_modules")
    return place


def streamed(events: str) -> str:
    """Texte d'une conversation en SSE."""
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", events
    chunks: list[dict[str, Any]] = [json.loads(line) for line in lines[:-1]]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
