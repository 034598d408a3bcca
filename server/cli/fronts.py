"""`passerelle restart-fronts` : les fronts de cette machine remplacés un à un, sans perdre une requête."""

import asyncio
import json
import time

import click

from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.local import LocalServer, local_server
from server.supervisor.client import SupervisorClient, SupervisorError


@click.command("restart-fronts", help="Remplace les fronts du serveur de cette machine, sans perdre une requête.")
@click.pass_obj
def restart_fronts(session: Session) -> None:
    """Attend que le dernier ancien front soit parti."""
    running = local_server()
    if running is None:
        raise CommandError(
            "aucun serveur de cette machine n'est à ce compte, ou il y en a plusieurs : HOST_PORT en choisit un. Dans "
            "un conteneur : docker exec NOM passerelle restart-fronts.",
            reason="UNAVAILABLE",
        )
    began = time.monotonic()
    try:
        replaced, fronts = asyncio.run(_ask(running))
    except (OSError, SupervisorError) as error:
        raise CommandError(f"le superviseur (processus {running.pid}) ne répond plus : {error}") from error
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


async def _ask(running: LocalServer) -> tuple[int, int]:
    client = await SupervisorClient.connect(running.supervisor)
    try:
        return await client.restart_fronts()
    finally:
        await client.aclose()
