"""`passerelle audit` : ce qui a changé l'état du serveur de cette machine, qui l'a demandé, et ce qu'il en a été."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click

from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.local import local_server
from server.control.record.audit import NAME, kept
from server.french import why
from server.settings.config import load_config
from server.settings.profile import ConfigError

_POLL_SECONDS = 0.3
_SHOWN = 60
"""Caractères d'un réglage montrés ; `--json` les a tous."""


@click.command(help="Registre du serveur de cette machine : qui a changé quoi, d'où, avec quelle issue.")
@click.option(
    "-n", "--tail", default=100, show_default=True, type=click.IntRange(0), help="Dernières lignes ; 0 : toutes."
)
@click.option("-f", "--follow", is_flag=True, help="Continue avec les nouvelles lignes.")
@click.pass_obj
def audit(session: Session, tail: int, follow: bool) -> None:
    """Lit les fichiers du dossier d'état : le serveur n'a pas à tourner."""
    folder = _folder()
    try:
        before, held = _before(folder)
        for line in before[-tail:] if tail else before:
            _show(line, as_json=session.as_json)
        if follow:
            for line in _coming(folder / NAME, held):
                _show(line, as_json=session.as_json)
        elif held is not None:
            held.close()
    except OSError as error:
        raise CommandError(f"{error.filename} est illisible ({why(error)}).") from error
    except KeyboardInterrupt:
        return


def _folder() -> Path:
    """Dossier d'état du serveur de cette machine, à défaut celui que disent les variables."""
    running = local_server()
    environ = {**(running.environ if running else {}), **os.environ}
    try:
        with contextlib.chdir((running.directory if running else None) or "."):
            return load_config(environ).state_dir
    except ConfigError as error:
        raise CommandError(str(error), reason="INVALID_STATE") from error


def _before(folder: Path) -> tuple[list[bytes], BinaryIO | None]:
    """Lignes déjà écrites, et le fichier en cours, là où elles finissent."""
    lines = [line for path in kept(folder) for line in path.read_bytes().splitlines()]
    try:
        held = (folder / NAME).open("rb")
    except FileNotFoundError:
        return lines, None
    return [*lines, *_whole(held)], held


def _coming(path: Path, held: BinaryIO | None) -> Iterator[bytes]:
    """Nouvelles lignes ; un fichier mis de côté est lu jusqu'à sa fin avant le suivant."""
    try:
        while True:
            if held is not None:
                moved = not path.exists() or path.stat().st_ino != os.fstat(held.fileno()).st_ino
                yield from _whole(held)
                if moved:
                    held.close()
                    held = None
            if held is None and path.exists():
                held = path.open("rb")
                continue
            time.sleep(_POLL_SECONDS)
    finally:
        if held is not None:
            held.close()


def _whole(held: BinaryIO) -> Iterator[bytes]:
    """Lignes entières ; une ligne en cours d'écriture attend sa fin."""
    while line := held.readline():
        if not line.endswith(b"\n"):
            held.seek(-len(line), os.SEEK_CUR)
            return
        yield line[:-1]


def _show(line: bytes, *, as_json: bool) -> None:
    text = line.decode(errors="replace")
    if as_json:
        click.echo(text)
        return
    try:
        click.echo(_sentence(json.loads(text)))
    except (ValueError, TypeError, AttributeError, LookupError):
        click.echo(text)  # une demi-ligne, qu'une coupure a laissée


def _sentence(entry: Mapping[str, Any]) -> str:
    who, request = entry.get("who") or {}, entry.get("request") or {}
    parts = [entry["time"][:19].replace("T", " "), entry["action"]]
    named = (
        request.get("model"),
        entry.get("model"),
        request.get("operation_id"),
        entry.get("key_id"),
        request.get("id"),
    )
    parts.append(str(next(filter(None, named), "")))
    if who:
        parts.append(f"par {who['caller'] or 'sans clé'} de {who['address']}")
    change = _change(entry)
    if change:
        parts.append(change)
    parts.append(" ".join(filter(None, (entry["outcome"], entry.get("reason", "")))))
    parts += [
        f"{name} {entry[key]}"
        for name, key in (("opération", "operation"), ("requête", "request_id"))
        if entry.get(key)
    ]
    return "  ".join(filter(None, parts))


def _change(entry: Mapping[str, Any]) -> str:
    before, after = entry.get("before"), entry.get("after")
    if entry["action"] == "settings":
        return ", ".join(_settings(before or {}, after or {}))
    if before and after and "state" in before:
        return f"{before['state']} → {after['state']}"
    return ""


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Ce qui a changé, un réglage à la fois ; un modèle venu ou parti n'y est que nommé."""
    for model, way in _models(before, after).items():
        yield f"models.{model} : {way}"
    whole = tuple(f"models.{model}." for model in _models(before, after))
    for name in sorted({*before, *after}):
        if name.startswith(whole):
            continue
        was, now = before.get(name), after.get(name)
        if isinstance(was, list) and isinstance(now, list):
            gone = [f"-{_short(one)}" for one in was if one not in now]
            come = [f"+{_short(one)}" for one in now if one not in was]
            yield f"{name} : {' '.join([*gone, *come]) or 'autre ordre'}"
        else:
            yield f"{name} : {_short(was) if name in before else '–'} → {_short(now) if name in after else '–'}"


def _models(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Modèles entiers, ajoutés ou retirés : tous leurs réglages, clé comprise, sont d'un seul côté."""
    found: dict[str, str] = {}
    for side, other, way in ((after, before, "ajouté"), (before, after, "retiré")):
        named = [name for name in side if name.startswith("models.") and name.endswith(".key")]
        keys = [name.removeprefix("models.").removesuffix(".key") for name in named]
        found |= {key: way for key in keys if f"models.{key}.key" not in other}
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
