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
