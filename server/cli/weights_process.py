"""Le processus qui touche aux poids, celui que le serveur emploie : lancé, suivi, arrêté avec nous."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from server.cli import show
from server.cli.connection import CommandError
from server.errors import PasserelleError
from server.events import Event, event_of, last_line
from server.lifetime import PARENT_FD_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 5.0


def follow(arguments: Sequence[str], environ: Mapping[str, str], seen: Callable[[Event], None]) -> Event:
    """Mène un rôle de `python -m server` jusqu'à sa fin, et rend ce qu'il en dit.

    Raises:
        PasserelleError: ce qui a échoué.
        CommandError: processus disparu.
    """
    read, write = os.pipe()
    paths = os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])
    with tempfile.NamedTemporaryFile(prefix="passerelle-", suffix=".log") as log:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments],
                env={**environ, "PYTHONPATH": paths, PARENT_FD_VARIABLE: str(read)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(read,),
                start_new_session=True,
            )
        finally:
            os.close(read)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = event_of(line)
                if event["event"] == "done":
                    return event
                seen(event)
            code = process.wait()
            raise CommandError(
                f"le processus s'est arrêté avant la fin (code {code}) : {last_line(Path(log.name))}",
                reason="DOWNLOAD_FAILED",
            )
        finally:
            # Il s'arrête de lui-même quand cette extrémité se ferme, fût-ce par la mort de ce processus-ci.
            os.close(write)
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


class Steps:
    """L'avancement d'un modèle : une barre sur un terminal, sinon une ligne par étape et par dixième."""

    def __init__(self, label: str, *, quiet: bool) -> None:
        self._label = label
        self._quiet = quiet
        self._bar: Any = None
        self._said = ""

    def __call__(self, event: Event) -> None:
        """Montre un événement."""
        if self._quiet:
            return
        if event["event"] == "progress":
            self._progress(event)
        elif event["event"] == "phase":
            self._say(show.phase(event["phase"]))

    def close(self) -> None:
        """Referme la barre."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None

    def _progress(self, event: Event) -> None:
        completed, total = event["completed"], event["total"]
        if not sys.stderr.isatty():
            tenths = f"{completed * 10 // total * 10} % de {show.size(total)}" if total else ""
            self._say(f"{show.phase(event['phase'])} {tenths}".rstrip())
            return
        if self._bar is None:
            self._bar = click.progressbar(length=total, label=self._label, file=sys.stderr)
            self._bar.render_progress()
        self._bar.label = f"{self._label} ({show.phase(event['phase'])})"
        self._bar.update(completed - self._bar.pos)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            click.echo(f"  {self._label} : {text}", err=True)


def failure_of(error: Exception) -> dict[str, str]:
    """Motif et message d'un échec, à écrire en JSON."""
    if isinstance(error, PasserelleError):
        return {"reason": error.reason, "message": error.french}
    assert isinstance(error, CommandError)
    return {"reason": error.reason, "message": error.message}
