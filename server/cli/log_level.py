"""`passerelle log-level` : le niveau du journal de tous les processus, lu ou changé en marche."""

import click
from passerelle.v1 import admin_pb2_grpc, log_level_pb2

from server.cli import show
from server.cli.admin import Session

_SECONDS = 30.0
_LEVELS = {
    "debug": log_level_pb2.LOG_LEVEL_DEBUG,
    "info": log_level_pb2.LOG_LEVEL_INFO,
    "warning": log_level_pb2.LOG_LEVEL_WARNING,
    "error": log_level_pb2.LOG_LEVEL_ERROR,
    "configured": log_level_pb2.LOG_LEVEL_UNSPECIFIED,
}
_NAMES = {value: name for name, value in _LEVELS.items()}


@click.command("log-level", help="Niveau du journal de tous les processus ; « configured » rend celui des réglages.")
@click.argument("level", metavar="[NIVEAU]", required=False, type=click.Choice(tuple(_LEVELS)))
@click.pass_obj
def log_level(session: Session, level: str | None) -> None:
    """Lit ou change le niveau."""
    with session.server.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        if level is not None:
            stub.SetLogLevel(
                log_level_pb2.SetLogLevelRequest(level=_LEVELS[level]),
                metadata=session.server.metadata(admin=True),
                timeout=_SECONDS,
            )
        found = stub.GetLogLevel(log_level_pb2.GetLogLevelRequest(), timeout=_SECONDS)
    if session.as_json:
        show.message(found)
        return
    click.echo(f"journal : {_NAMES[found.level]} (réglages : {_NAMES[found.configured]})")
