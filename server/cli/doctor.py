"""`passerelle doctor` : ce qui manque à cette machine pour servir, et que faire."""

import contextlib
import json
import os
from dataclasses import asdict

import click

from server.cli.admin import Session
from server.cli.checks import run_checks
from server.cli.findings import Level, write
from server.cli.local import local_server


@click.command(help="Vérifie cette machine : pilote, GPU, environnements, jeton, port, disque, Envoy, versions.")
@click.option("--deep", is_flag=True, help="Relit tous les poids et compare leurs empreintes ; long.")
@click.pass_obj
def doctor(session: Session, deep: bool) -> None:
    """Code de sortie 1 si quelque chose empêche de servir."""
    running = local_server()
    directory = running.directory if running is not None else None
    # Ce qu'on ne dit pas est ce que ce serveur a reçu : « make run » choisit un profil que ce terminal ignore.
    with contextlib.chdir(directory or "."):
        findings = run_checks({**(running.environ if running else {}), **os.environ}, deep=deep, running=running)
    if session.as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            write(finding)
    if any(finding.level is Level.FAILURE for finding in findings):
        raise click.exceptions.Exit(1)
