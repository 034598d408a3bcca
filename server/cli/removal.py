"""`passerelle remove` : les poids retirés du disque, par le serveur qui tourne, sinon ici même."""

import sys
from collections.abc import Callable

import click
from passerelle.v1 import admin_pb2_grpc, model_verbs_pb2

from server.cli import show
from server.cli.admin import MODEL, Session
from server.cli.connection import CommandError
from server.errors import PasserelleError
from server.french import why
from server.settings.profile import ConfigError

Request = model_verbs_pb2.RemoveWeightsRequest
Response = model_verbs_pb2.RemoveWeightsResponse
_SECONDS = 600.0
"""Effacer des dizaines de Gio d'un disque en réseau peut durer."""


@click.command(help="Retire du disque les poids d'un modèle, anciennes révisions comprises.")
@MODEL
@click.option("--old", "old_only", is_flag=True, help="Les seules anciennes révisions ; permis d'un modèle chargé.")
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait retiré, sans rien retirer.")
@click.option("--yes", "-y", is_flag=True, help="Ne demande pas de confirmation.")
@click.pass_obj
def remove(session: Session, model: str, old_only: bool, dry_run: bool, yes: bool) -> None:
    """Montre ce qui part et la place rendue, demande, puis retire."""
    if not (dry_run or yes) and (session.as_json or not sys.stdin.isatty()):
        raise click.UsageError("Sans personne pour confirmer, --yes est nécessaire (ou --dry-run).")
    request = Request(model=model, old_only=old_only, dry_run=True)
    ask = _remover(session)
    found = ask(request)
    if not session.as_json:
        _show(found)
    if not dry_run and found.revisions:
        if not yes and not _confirmed():
            raise click.Abort
        request.dry_run = False
        found = ask(request)
        if not session.as_json:
            click.echo(f"{model} : {show.size(found.freed_bytes)} rendus")
    if session.as_json:
        show.message(found)


def _show(found: Response) -> None:
    if not found.revisions:
        click.echo("Rien à retirer.")
        return
    rows = [("révision", "place", "")]
    rows += [(one.revision, show.size(one.freed_bytes), "du profil" if one.current else "") for one in found.revisions]
    show.table(rows)


def _confirmed() -> bool:
    answer = click.prompt("Retirer ? [o/N]", default="n", show_default=False, prompt_suffix=" ", err=True)
    return str(answer).strip().lower() in ("o", "oui", "y", "yes")


def _remover(session: Session) -> Callable[[Request], Response]:
    """Qui retire : le serveur nommé, ou celui qui répond ; à défaut, ce processus."""

    def by_server(request: Request) -> Response:
        with session.server.channel() as channel:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            metadata = session.server.metadata(admin=True)
            answer: Response = stub.RemoveWeights(request, metadata=metadata, timeout=_SECONDS)
            return answer

    def by_whom(request: Request) -> Response:
        try:
            return by_server(request)
        except CommandError as failure:
            if session.addressed or failure.reason != "UNAVAILABLE":
                raise
        return _here(request)

    return by_whom


def _here(request: Request) -> Response:
    from server.roles.weights import remove_weights

    try:
        found: Response = remove_weights(request.model, old_only=request.old_only, dry_run=request.dry_run)
    except ConfigError as error:
        raise CommandError(str(error), reason="INVALID_STATE") from error
    except PasserelleError as error:
        raise CommandError(error.french, reason=error.reason, metadata=error.metadata) from error
    except OSError as error:
        raise CommandError(f"{error.filename} : {why(error)}.") from error
    return found
