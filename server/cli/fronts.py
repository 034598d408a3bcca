"""Ce que le superviseur de cette machine fait sur demande : remplacer ses fronts, relire ses réglages."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import click

from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.local import LocalServer, local_server
from server.supervisor.client import SupervisorClient, SupervisorError

T = TypeVar("T")


@click.command("restart-fronts", help="Remplace les fronts du serveur de cette machine, sans perdre une requête.")
@click.pass_obj
def restart_fronts(session: Session) -> None:
    """Attend que le dernier ancien front soit parti."""
    running, began = _running("restart-fronts"), time.monotonic()
    replaced, fronts = _ask(running, lambda client: client.restart_fronts())
    if session.as_json:
        click.echo(json.dumps({"replaced": replaced, "fronts": fronts}))
    if replaced < fronts:
        raise CommandError(
            f"{replaced} fronts remplacés sur {fronts} : le suivant n'a pas servi, l'ancien reste "
            f"(rolling_restart_abandoned ; journaux : {running.folder / 'logs'}).",
            reason="ROLLING_RESTART_ABANDONED",
        )
    if not session.as_json:
        seconds = f"{time.monotonic() - began:.1f}".replace(".", ",")
        click.echo(f"{fronts} front{'s' if fronts > 1 else ''} : remplacement fait en {seconds} s")


@click.command(help="Relit le fichier de réglages et le profil du serveur de cette machine, sans perdre un modèle.")
@click.pass_obj
def reload(session: Session) -> None:
    """Attend que ce qui a changé soit en place."""
    done = ask_reload(_running("reload"))
    click.echo(json.dumps(done) if session.as_json else reload_words(done))


def ask_reload(running: LocalServer) -> dict[str, Any]:
    """Fait relire ses réglages au serveur ; rend ce qui a changé, une fois en place.

    Raises:
        CommandError: ils sont refusés, et rien n'a changé ; ou le superviseur ne répond plus.
    """
    done: dict[str, Any] = _ask(running, lambda client: client.reload())
    return {name: done[name] for name in ("changed", "fronts", "dashboard")}


def reload_words(done: Mapping[str, Any]) -> str:
    """Ce qu'un rechargement a fait, en une ligne."""
    if not done["changed"]:
        return "réglages relus : rien n'a changé"
    fronts = done["fronts"]
    said = f" ; {fronts} front{'s' * (fronts > 1)} remplacé{'s' * (fronts > 1)}" if fronts else ""
    return f"réglages relus, plan de contrôle relancé{said}"


def _running(verb: str) -> LocalServer:
    running = local_server()
    if running is None:
        raise CommandError(
            "aucun serveur de cette machine n'est à ce compte, ou il y en a plusieurs : HOST_PORT en choisit un. Dans "
            f"un conteneur : docker exec NOM passerelle {verb}.",
            reason="UNAVAILABLE",
        )
    return running


def _ask(running: LocalServer, ask: Callable[[SupervisorClient], Awaitable[T]]) -> T:
    async def asked() -> T:
        client = await SupervisorClient.connect(running.supervisor)
        try:
            return await ask(client)
        finally:
            await client.aclose()

    try:
        return asyncio.run(asked())
    except SupervisorError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"le superviseur (processus {running.pid}) ne répond plus : {error}") from error
