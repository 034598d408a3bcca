"""La commande et ses options ; chaque verbe est dans son fichier."""

import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from server import __version__
from server.cli import (
    admin,
    audit,
    doctor,
    fronts,
    inference,
    keys,
    live,
    log_level,
    model_verbs,
    removal,
    usage,
    weights,
)
from server.cli.connection import CommandError, find_server


class _Group(click.Group):
    """Groupe qui écrit ses échecs à la forme demandée."""

    def invoke(self, ctx: click.Context) -> Any:
        """Joue le verbe."""
        try:
            return super().invoke(ctx)
        except CommandError as failure:
            failure.as_json = ctx.params["as_json"] or bool(ctx.obj and ctx.obj.as_json)
            raise


_HERE = ("restart-fronts", "reload", "models", "audit")
"""Verbes du serveur de cette machine."""
_ALONE = ("serve", "doctor", "completion", "fetch", "weights", *_HERE)
"""Verbes qui n'appellent aucune adresse."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="VERBE [ARGUMENTS]…",
    help="Passerelle, en ligne de commande.",
)
@click.option(
    "--address",
    envvar="PASSERELLE_ADDRESS",
    default="",
    metavar="HÔTE:PORT",
    help="Serveur à appeler ; « https:// » pour TLS. Sans elle, celui de cette machine.",
)
@click.option(
    "--key",
    envvar="PASSERELLE_API_KEY",
    default="",
    metavar="CLÉ",
    help="Clé ; sinon la première d'ADMIN_KEYS ou d'OPENAI_KEYS. Préférez la variable : ps montre les options.",
)
@click.option("--ca", type=_FILE, help="Autorités du serveur, PEM.")
@click.option("--cert", "certificate", type=_FILE, help="Certificat de client, PEM.")
@click.option("--cert-key", "certificate_key", type=_FILE, help="Clé de ce certificat.")
@click.option("--json", "as_json", is_flag=True, help="Écrit du JSON, sans barre d'avancement.")
@click.version_option(__version__, prog_name="passerelle")
@click.pass_context
def cli(
    ctx: click.Context,
    address: str,
    key: str,
    ca: Path | None,
    certificate: Path | None,
    certificate_key: Path | None,
    as_json: bool,
) -> None:
    """Options communes."""
    if ctx.invoked_subcommand in _HERE and address:
        raise click.UsageError(f"{ctx.invoked_subcommand} ne vaut que sur la machine du serveur, sans --address.")
    if ctx.invoked_subcommand in _ALONE:
        ctx.obj = admin.Session(None, as_json)
        return
    if (certificate is None) != (certificate_key is None):
        raise click.UsageError("--cert et --cert-key vont ensemble.")
    access = find_server(address, key, ca=ca, certificate=certificate, certificate_key=certificate_key)
    ctx.obj = admin.Session(access, as_json, bool(address))


@cli.command(help="Lance le produit ; Ctrl-C l'arrête.")
def serve() -> None:
    """Le même rôle que « python -m server serve »."""
    from server.__main__ import main

    sys.exit(main(["serve"]))


@cli.command(help='Écrit le script de complétion d\'un interpréteur : eval "$(passerelle completion bash)".')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Script que click sait produire."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "passerelle", "_PASSERELLE_COMPLETE").source())


def _in_json(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    ctx.find_object(admin.Session).as_json |= wanted  # type: ignore[union-attr]


def _add_json(verb: click.Command) -> None:
    """Là où on l'écrit d'instinct ; avant le verbe, elle vaut de même."""
    # Un verbe tient parfois sous deux noms : « fetch » est aussi « weights fetch ».
    if not any("--json" in one.opts for one in verb.params):
        verb.params.append(
            click.Option(["--json"], is_flag=True, expose_value=False, callback=_in_json, help="Écrit du JSON.")
        )
    if isinstance(verb, click.Group):
        for inner in verb.commands.values():
            _add_json(inner)


for verb in (
    *(*admin.VERBS, *inference.VERBS, *live.VERBS, removal.remove, weights.fetch, usage.usage, keys.keys),
    *(doctor.doctor, fronts.restart_fronts, fronts.reload, model_verbs.models, audit.audit, weights.weights),
    log_level.log_level,
):
    _add_json(verb)
    cli.add_command(verb)
