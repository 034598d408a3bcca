"""`passerelle usage` : ce que chaque clé a consommé de chaque modèle, en tableau, en CSV, ou effacé."""

import sys
import time
from typing import Any

import click
from passerelle.v1 import usage_pb2, usage_pb2_grpc

from server.cli import show
from server.cli.admin import Session
from server.cli.models import model_keys

_SECONDS = 60.0
_PAGE = 5000
_UNITS = {"h": 3600, "j": 86_400}
_STEPS = {
    "heure": usage_pb2.USAGE_STEP_HOUR,
    "jour": usage_pb2.USAGE_STEP_DAY,
    "tout": usage_pb2.USAGE_STEP_ALL,
}
_TITLES = (
    "depuis",
    "clé",
    "modèle",
    "requêtes",
    "en échec",
    "jetons lus",
    "rendus",
    "audio",
    "1er jeton p95",
    "durée p95",
)


class _Span(click.ParamType):  # type: ignore[type-arg]
    """Durée écrite `24h` ou `7j`, en secondes."""

    name = "durée"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Secondes."""
        text = str(value)
        number, unit = text[:-1], _UNITS.get(text[-1:])
        if unit is None or not number.isascii() or not number.isdecimal() or not 0 < int(number) < 10_000:
            self.fail(f"« {text} » n'est pas une durée : 24h, 7j…", param, ctx)
        return int(number) * unit


@click.command(help="Ce que chaque clé a consommé de chaque modèle.")
@click.option("--since", type=_Span(), default="24h", show_default=True, metavar="DURÉE", help="Période : 24h, 7j…")
@click.option("--by", type=click.Choice(list(_STEPS)), default="tout", show_default=True, help="Durée d'une ligne.")
@click.option(
    "--of", "key", default="", metavar="CLÉ", help="Une clé, par son étiquette, ou toutes celles de quelqu'un."
)
@click.option("--model", default="", metavar="MODÈLE", shell_complete=model_keys, help="Un seul modèle.")
@click.option("--csv", "as_csv", is_flag=True, help="Écrit du CSV.")
@click.option("--erase", default="", metavar="CLÉ", help="Efface l'usage de cette clé, et ses requêtes de la fenêtre.")
@click.option(
    "--erase-owner", default="", metavar="QUI", help="Efface ce qui est gardé de quelqu'un ; révoque ses clés."
)
@click.option("--issuer", default="", help="Émetteur des jetons de --erase-owner ; sans elle, celui des réglages.")
@click.option("--yes", "-y", is_flag=True, help="Ne demande pas de confirmation.")
@click.pass_obj
def usage(
    session: Session,
    since: int,
    by: str,
    key: str,
    model: str,
    as_csv: bool,
    erase: str,
    erase_owner: str,
    issuer: str,
    yes: bool,
) -> None:
    """Lignes de la période, ou effacement."""
    if erase and erase_owner:
        raise click.UsageError("--erase et --erase-owner ne vont pas ensemble.")
    if erase or erase_owner:
        _confirm(session, erase or f"{erase_owner}, en révoquant ses clés", yes=yes)
        if erase:
            _erase(session, erase)
        else:
            _erase_owner(session, erase_owner, issuer)
        return
    query = usage_pb2.UsageQuery(step=_STEPS[by], key=key, model=model)
    query.since.FromSeconds(int(time.time()) - since)
    with session.server.channel() as channel:
        stub = usage_pb2_grpc.UsageServiceStub(channel)
        call = {"metadata": session.server.metadata(admin=True), "timeout": _SECONDS}
        if as_csv:
            for body in stub.ExportUsage(usage_pb2.ExportUsageRequest(query=query), **call):
                click.echo(body.data.decode(), nl=False)
            return
        found = usage_pb2.GetUsageResponse()
        request = usage_pb2.GetUsageRequest(query=query, page_size=_PAGE)
        while True:
            page = stub.GetUsage(request, **call)
            found.rows.extend(page.rows)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    if session.as_json:
        show.message(found)
    elif not found.rows:
        click.echo("Aucune requête sur cette période.")
    else:
        show.table([_TITLES, *map(_row, found.rows)])


def _confirm(session: Session, what: str, *, yes: bool) -> None:
    if not yes:
        if session.as_json or not sys.stdin.isatty():
            raise click.UsageError("Sans personne pour confirmer, --yes est nécessaire.")
        click.confirm(f"Effacer l'usage de {what} ?", abort=True, err=True)


def _erase_owner(session: Session, owner: str, issuer: str) -> None:
    with session.server.channel() as channel:
        answer = usage_pb2_grpc.UsageServiceStub(channel).EraseOwner(
            usage_pb2.EraseOwnerRequest(owner=owner, issuer=issuer),
            metadata=session.server.metadata(admin=True),
            timeout=_SECONDS,
        )
    if session.as_json:
        show.message(answer)
        return
    erased = answer.erased
    keys = f", clés révoquées : {', '.join(erased.keys)}" if erased.keys else ""
    click.echo(f"{owner} : {erased.requests:.0f} requêtes effacées{keys}")
    if erased.kept_keys:
        click.echo(f"PASSERELLE_KEYS_FILE le nomme encore : {', '.join(erased.kept_keys)}. Ôtez-l'en.")


def _erase(session: Session, key: str) -> None:
    with session.server.channel() as channel:
        answer = usage_pb2_grpc.UsageServiceStub(channel).EraseUsage(
            usage_pb2.EraseUsageRequest(key=key), metadata=session.server.metadata(admin=True), timeout=_SECONDS
        )
    if session.as_json:
        show.message(answer)
    else:
        click.echo(f"{key} : {answer.requests:.0f} requêtes effacées")


def _row(row: usage_pb2.UsageRow) -> tuple[str, ...]:
    failed = row.requests - row.outcomes["OK"] - row.outcomes["CANCELLED"]
    return (
        time.strftime("%Y-%m-%d %H:%M", time.localtime(row.since.seconds)),
        row.key or "—",
        row.model or "—",
        f"{row.requests:.0f}",
        f"{failed:.0f}",
        f"{row.tokens_in:.0f}",
        f"{row.tokens_out:.0f}",
        show.clock(row.audio_seconds) if row.audio_seconds else "—",
        *(
            f"{getattr(row, name).ToMilliseconds() / 1000:.2f} s".replace(".", ",") if row.HasField(name) else "—"
            for name in ("first_p95", "duration_p95")
        ),
    )
