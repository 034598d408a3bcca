"""Le commit dont ce serveur est fait, quand il sert depuis un dépôt git."""

import subprocess
from pathlib import Path


def commit_of(root: Path) -> str:
    """Commit du dépôt `root` ; vide si ce n'en est pas un, ou si git n'est pas là."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
