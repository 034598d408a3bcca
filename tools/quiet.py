"""Une ligne par étape : ce qu'écrivent les programmes va dans un journal, et l'avancement, sur la ligne d'un terminal.

N'emploie que la bibliothèque standard.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / ".build" / "installation.log"
"""Tout ce qu'ont écrit les programmes de la dernière installation."""
SHOWN_LINES = 15
"""Fin du journal montrée après un échec."""

_TAKEN = re.compile(r"^\s*(?:Collecting|Requirement already satisfied:|Downloaded)\s+(\S+)")
_FETCHING = re.compile(r"^\s*Downloading\s+(.+)")
_PINNED = re.compile(r"^[A-Za-z0-9][\w.\[\]-]*(?:==| @ )", re.M)
_BAR = 20


class Line:
    """La ligne de l'étape en cours."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._terminal = sys.stdout.isatty()
        self._began = time.monotonic()
        self._done, self._said = 0, ""
        print(f"→ {title}", end="", flush=True)

    def follow(self, text: str, total: int) -> None:
        """Prend une ligne d'un programme qui installe `total` paquets (0 : inconnu)."""
        if found := _TAKEN.match(text):
            self._done, self._said = self._done + 1, found[1]
        elif found := _FETCHING.match(text):
            self._said = found[1].rpartition("/")[2]
        if self._terminal:
            self._draw(total)

    def close(self, *, failed: bool = False) -> None:
        """Finit la ligne."""
        seconds = f"{time.monotonic() - self._began:.0f} s"
        start = "\r\x1b[K" if self._terminal else ""
        shown = f"→ {self.title}" if self._terminal else ""
        print(f"{start}{shown} : {'échec, ' if failed else ''}{seconds}", flush=True)

    def _draw(self, total: int) -> None:
        bar = ""
        if total:
            filled = min(_BAR, _BAR * self._done // total)
            bar = f" [{'#' * filled}{'.' * (_BAR - filled)}] {min(self._done, total)}/{total}"
        text = f"→ {self.title}{bar} {self._said}"
        print(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)


_current: list[Line] = []
_logged: list[Path] = []


@contextmanager
def line(title: str) -> Iterator[None]:
    """Montre une étape le temps du bloc : sa ligne, puis sa durée."""
    shown = Line(title)
    _current.append(shown)
    try:
        yield
    except BaseException:
        shown.close(failed=True)
        raise
    else:
        shown.close()
    finally:
        _current.pop()


def run(command: Sequence[str], cwd: Path = ROOT, *, total: int = 0) -> None:
    """Exécute, et range ce qui est écrit dans le journal.

    Args:
        total: paquets que la commande installe ; 0 : on ne sait pas.

    Raises:
        subprocess.CalledProcessError: échec ; `output` en est la fin.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    mode = "a" if LOG in _logged else "w"
    _logged.append(LOG)
    said: list[str] = []
    with LOG.open(mode, encoding="utf-8") as log:
        log.write(f"$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                log.write(text)
                log.flush()
                said = [*said[1 - SHOWN_LINES :], text]
                for shown in _current[-1:]:
                    shown.follow(text, total)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output="".join(said))


def pinned(lock: Path) -> int:
    """Paquets d'un verrou."""
    return len(_PINNED.findall(lock.read_text(encoding="utf-8")))
