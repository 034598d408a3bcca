"""`passerelle keys` : les clés nommées, créées, montrées, renouvelées, révoquées."""

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from passerelle.v1 import keys_pb2, keys_pb2_grpc, quotas_pb2, route_pb2

from server.cli import show
from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.models import model_keys
from server.control.record.keys import KeyBook
from server.control.services.keys import KeyService
from server.domain import Limits
from server.errors import PasserelleError
from server.french import why
from server.quotas import NAMES, WrongQuota, parsed
from server.rpc.auth import NAME_OF, SCOPE_OF

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "j": 86400, "d": 86400}
_PATIENCE_SECONDS = 30.0
_STATES = {
    keys_pb2.KEY_STATE_ACTIVE: "admise",
    keys_pb2.KEY_STATE_EXPIRED: "expirée",
    keys_pb2.KEY_STATE_REVOKED: "révoquée",
}


class _Span(click.ParamType[Duration]):
    """Durée : `90j`, `12h`, `30m`, `45s`, ou des secondes."""

    name = "durée"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Duration:
        """Durée du contrat."""
        found = re.fullmatch(r"(\d{1,10})([smhjd]?)", str(value).strip())
        if found is None:
            self.fail(f"« {value} » n'est pas une durée (exemples : 90j, 12h, 30m, 0).", param, ctx)
        return Duration(seconds=int(found[1]) * _SECONDS[found[2]])


IDENTIFIER = click.argument("identifier", metavar="IDENTIFIANT")


@dataclass(slots=True)
class _Filed(Session):
    """Les mêmes verbes, sur un fichier que des serveurs liront."""

    file: Path = field(default_factory=Path)


@click.group(help="Clés nommées : créées, renouvelées, révoquées sans redémarrage.", subcommand_metavar="VERBE …")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="La table de ce fichier, pour PASSERELLE_KEYS_FILE, sans appeler de serveur.",
)
@click.pass_context
def keys(ctx: click.Context, file: Path | None) -> None:
    """Verbes sur les clés."""
    if file is not None:
        ctx.obj = _Filed(ctx.obj.access, ctx.obj.as_json, ctx.obj.addressed, file.absolute())


@click.command(help="Crée une clé, écrite une fois sur la sortie.")
@click.option("--scope", "scopes", type=click.Choice(list(SCOPE_OF)), multiple=True, help="Portée ; se répète.")
@click.option("--model", "models", multiple=True, shell_complete=model_keys, help="Modèle permis ; se répète.")
@click.option("--owner", default="", help="À qui elle est.")
@click.option("--note", default="", help="Note libre.")
@click.option("--lifetime", type=_Span(), help="Durée de vie : 90j, 12h… ; sans elle, pas d'échéance.")
@click.option("--quota", "limits", multiple=True, metavar="LIMITE=NOMBRE", help=f"Se répète : {', '.join(NAMES)}.")
@click.pass_obj
def create(
    session: Session,
    scopes: tuple[str, ...],
    models: tuple[str, ...],
    owner: str,
    note: str,
    lifetime: Duration | None,
    limits: tuple[str, ...],
) -> None:
    """La valeur seule va sur la sortie : un script la garde."""
    request = keys_pb2.CreateKeyRequest(
        scopes=[SCOPE_OF[name] for name in scopes],
        models=models,
        owner=owner,
        note=note,
        lifetime=lifetime,
        quota=_quota(limits) if limits else None,
    )
    _told(session, _call(session, "CreateKey", request))


@click.command("list", help="Montre les clés, de la plus récente à la plus ancienne.")
@click.argument("prefix", metavar="[DÉBUT]", default="")
@click.pass_obj
def list_keys(session: Session, prefix: str) -> None:
    """Toutes les pages, l'une après l'autre."""
    found = keys_pb2.ListKeysResponse()
    token = ""
    while True:
        page = _call(session, "ListKeys", keys_pb2.ListKeysRequest(prefix=prefix, page_size=1000, page_token=token))
        found.keys.extend(page.keys)
        if not (token := page.next_page_token):
            break
    if session.as_json:
        show.message(found)
    elif not found.keys:
        click.echo("Aucune clé nommée.")
    else:
        titles = ("identifiant", "état", "portées", "modèles", "propriétaire", "créée", "échéance", "quota", "note")
        show.table([titles, *map(_row, found.keys)])


@click.command(help="Donne à une clé une valeur neuve, écrite une fois sur la sortie.")
@IDENTIFIER
@click.option("--overlap", type=_Span(), help="Temps où l'ancienne valeur reste admise ; un jour sans elle.")
@click.pass_obj
def rotate(session: Session, identifier: str, overlap: Duration | None) -> None:
    """Même identifiant, autre secret."""
    _told(session, _call(session, "RotateKey", keys_pb2.RotateKeyRequest(id=identifier, overlap=overlap)))


@click.command(help="Révoque une clé, pour toujours.")
@IDENTIFIER
@click.pass_obj
def revoke(session: Session, identifier: str) -> None:
    """Refusée dès l'appel suivant."""
    answer = _call(session, "RevokeKey", keys_pb2.RevokeKeyRequest(id=identifier))
    if session.as_json:
        show.message(answer)
    else:
        click.echo(f"{answer.key.id} : révoquée")


@click.command(help="Change le quota d'une clé ; sans limite, lui rend celui par défaut.")
@IDENTIFIER
@click.argument("limits", metavar="[LIMITE=NOMBRE]…", nargs=-1)
@click.option("--none", "free", is_flag=True, help="Aucune limite, pas même celles par défaut.")
@click.pass_obj
def quota(session: Session, identifier: str, limits: tuple[str, ...], free: bool) -> None:
    """Le quota donné remplace l'autre en entier."""
    if free and limits:
        raise click.UsageError("--none ne va avec aucune limite.")
    wanted = _quota(limits) if limits or free else None
    answer = _call(session, "SetKeyQuota", keys_pb2.SetKeyQuotaRequest(id=identifier, quota=wanted))
    if session.as_json:
        show.message(answer)
    else:
        click.echo(f"{answer.key.id} : {_uses(answer.key) or 'aucune limite'}")


VERBS = (create, list_keys, rotate, revoke, quota)
for verb in VERBS:
    keys.add_command(verb)


def _call(session: Session, method: str, request: Any) -> Any:
    if isinstance(session, _Filed):
        return _written(session.file, method, request)
    with session.server.channel() as channel:
        call = getattr(keys_pb2_grpc.KeyServiceStub(channel), method)
        return call(request, metadata=session.server.metadata(admin=True), timeout=_PATIENCE_SECONDS)


def _written(file: Path, method: str, request: Any) -> Any:
    """Joue le verbe sur ce fichier, par le service d'un serveur ; les modèles n'y sont pas vérifiés."""
    limits = Limits()
    service = KeyService(KeyBook(file, None, limits), str, limits, time.time)
    try:
        return asyncio.run(getattr(service, method)(request, None))
    except PasserelleError as error:
        raise CommandError(error.french, reason=error.reason, metadata=error.metadata) from error
    except OSError as error:
        raise CommandError(f"« {error.filename} » ne s'écrit pas ({why(error)}).") from error


def _quota(limits: tuple[str, ...]) -> quotas_pb2.Quota:
    try:
        return quotas_pb2.Quota(**asdict(parsed(" ".join(limits))))
    except WrongQuota as error:
        raise click.UsageError(str(error)) from error


def _uses(key: keys_pb2.NamedKey) -> str:
    return ", ".join(f"{use.name} {use.used:g}/{use.limit}" for use in key.quota_uses)


def _told(session: Session, answer: Any) -> None:
    if session.as_json:
        show.message(answer)
        return
    click.echo(answer.value)
    until = f", l'ancienne admise jusqu'au {_date(answer.key.previous_until)}" if _had(answer.key) else ""
    click.echo(f"{answer.key.id} ({_names(answer.key.scopes)}){until} : gardez-la, rien ne la montrera plus.", err=True)


def _had(key: keys_pb2.NamedKey) -> bool:
    return key.HasField("previous_until")


def _row(key: keys_pb2.NamedKey) -> tuple[str, ...]:
    return (
        key.id,
        _STATES.get(key.state, "–"),
        _names(key.scopes),
        ",".join(key.models) or "tous",
        key.owner or "–",
        _date(key.created_at),
        _date(key.expires_at) if key.HasField("expires_at") else "–",
        _uses(key) or "–",
        key.note,
    )


def _names(scopes: "Iterable[route_pb2.Scope]") -> str:
    return ",".join(NAME_OF.get(scope, str(scope)) for scope in scopes)


def _date(instant: Timestamp) -> str:
    return f"{datetime.fromtimestamp(instant.ToSeconds(), UTC):%Y-%m-%d %H:%M} UTC"
