"""`passerelle doctor` : ce qui manque à cette machine pour servir, et que faire."""

import json
from dataclasses import asdict

import click

from server.cli.admin import Session
from server.cli.checks import run_checks
from server.cli.findings import Finding, Level

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.FAILURE: ("✗", "red")}


@click.command(help="Vérifie cette machine : pilote, GPU, environnements, jeton, port, disque, Envoy, versions.")
@click.option("--deep", is_flag=True, help="Relit tous les poids et compare leurs empreintes ; long.")
@click.pass_obj
def doctor(session: Session, deep: bool) -> None:
    """Code de sortie 1 si quelque chose empêche de servir."""
    findings = run_checks(deep=deep)
    if session.as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            _show(finding)
    if any(finding.level is Level.FAILURE for finding in findings):
        raise click.exceptions.Exit(1)


def _show(finding: Finding) -> None:
    mark, color = _MARKS[finding.level]
    click.echo(f"{click.style(mark, fg=color)} {finding.name} : {finding.found}")
    if finding.advice:
        click.echo(f"    → {finding.advice}")
