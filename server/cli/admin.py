"""Les verbes d'administration : état, téléchargement, chargement, déchargement, annulation, journaux."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import grpc
from passerelle.v1 import admin_pb2, admin_pb2_grpc, machine_pb2, model_pb2, model_verbs_pb2, operation_pb2

from server.cli import show
from server.cli.connection import CommandError, ServerAccess
from server.cli.models import model_keys
from server.log_lines import as_text

T = TypeVar("T")

_POLL_SECONDS = 0.3
_RECENT = 50
_PATIENCE_SECONDS = 30.0
_RUNNING = operation_pb2.OPERATION_STATE_RUNNING


@dataclass(slots=True)
class Session:
    """Ce que tous les verbes partagent."""

    access: ServerAccess | None
    """`None` pour les verbes qui n'appellent personne."""
    as_json: bool
    addressed: bool = False
    """L'adresse a été donnée : aucune autre ne convient."""

    @property
    def server(self) -> ServerAccess:
        """Serveur à appeler."""
        assert self.access is not None
        return self.access


MODEL = click.argument("model", metavar="MODÈLE", shell_complete=model_keys)


@click.command(help="Modèles, GPU et processus.")
@click.pass_obj
def status(session: Session) -> None:
    """État du serveur."""
    with session.server.channel() as channel:
        answer = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=30)
    found = answer.status
    if session.as_json:
        show.message(found)
        return
    build = f" ({found.build[:7]})" if found.build else ""
    click.echo(f"Passerelle {found.version}{build}, profil {found.profile} · {session.server.address}")
    if found.HasField("stopping_at"):
        click.echo("Il s'arrête, à la demande de l'exploitant : les requêtes en cours finissent.")
    if found.profile_notice:
        click.echo(found.profile_notice)
    if not found.api_key_required:
        click.echo(
            "Sans clé : qui joint ce serveur s'en sert. OPENAI_KEYS, « passerelle keys create » ou des jetons le "
            "ferment."
        )
    click.echo()
    show.table([("modèle", "état", "moteur", "poids", "GPU", "en cours", "en attente"), *map(_model_row, found.models)])
    for model in found.models:
        if model.HasField("last_error"):
            click.echo(f"  {model.key} : {model.last_error.reason}, {model.last_error.message}")
        if model.HasField("past_error"):
            click.echo(f"  {model.key}, échec surmonté : {model.past_error.reason}, {model.past_error.message}")
    if found.gpus:
        click.echo()
        titles = ("GPU", "physique", "nom", "mémoire", "occupation", "exemplaires", "UUID")
        show.table([titles, *map(_gpu_row, found.gpus)])
    host = found.host
    click.echo(
        f"\nMémoire {show.size(host.memory_used_bytes)} sur {show.size(host.memory_total_bytes)} · "
        f"cache {show.size(host.cache_used_bytes)}, {show.size(host.cache_disk_free_bytes)} libres"
    )
    for process in found.processes:
        if process.broken:
            click.echo(f"Attention : {process.name} est tombé trop souvent ; son journal dit pourquoi.")


def _model_row(model: model_pb2.Model) -> tuple[str, ...]:
    return (
        model.key,
        show.state(model_pb2.ModelState.Name(model.state)),
        model.engine,
        show.size(model.cached_bytes) if model.artifacts_cached else "–",
        ",".join(str(gpu) for replica in model.replicas for gpu in replica.gpus) or "–",
        str(sum(replica.running_requests for replica in model.replicas)),
        str(sum(replica.waiting_requests for replica in model.replicas)),
    )


def _gpu_row(gpu: machine_pb2.Gpu) -> tuple[str, ...]:
    memory = f"{show.size(gpu.used_bytes)} sur {show.size(gpu.total_bytes)}"
    use, replicas = f"{gpu.utilization_percent:.0f} %", ",".join(gpu.replicas) or "–"
    return str(gpu.index), str(gpu.physical_index), gpu.name, memory, use, replicas, gpu.uuid


@click.command(help="Télécharge et vérifie les poids d'un modèle.")
@MODEL
@click.pass_obj
def download(session: Session, model: str) -> None:
    """Téléchargement, suivi jusqu'à sa fin."""
    request = model_verbs_pb2.DownloadModelRequest(model=model)
    _operate(session, lambda stub, **call: stub.DownloadModel(request, **call))


@click.command(help="Charge un modèle dont les poids sont en cache.")
@MODEL
@click.option("--gpu", "gpus", type=click.IntRange(0), multiple=True, help="GPU à employer ; se répète.")
@click.option("--replicas", type=click.IntRange(1), help="Exemplaires voulus.")
@click.pass_obj
def load(session: Session, model: str, gpus: tuple[int, ...], replicas: int | None) -> None:
    """Chargement, suivi jusqu'à sa fin."""
    request = model_verbs_pb2.LoadModelRequest(model=model, gpus=gpus, replicas=replicas)
    _operate(session, lambda stub, **call: stub.LoadModel(request, **call))


@click.command(help="Décharge un modèle et rend sa mémoire.")
@MODEL
@click.option("--force", is_flag=True, help="Interrompt les requêtes en cours.")
@click.pass_obj
def unload(session: Session, model: str, force: bool) -> None:
    """Déchargement, suivi jusqu'à sa fin."""
    request = model_verbs_pb2.UnloadModelRequest(model=model, force=force)
    _operate(session, lambda stub, **call: stub.UnloadModel(request, **call))


def _operate(session: Session, ask: Callable[..., Any]) -> None:
    """Demande une opération, la suit et en dit l'issue."""
    operation = followed(session.server, ask, quiet=session.as_json)
    if session.as_json:
        show.message(operation)
    check_succeeded(operation)
    if not session.as_json:
        seconds = (operation.finished_at.ToNanoseconds() - operation.started_at.ToNanoseconds()) / 1e9
        click.echo(f"{operation.model} : fait en {seconds:.1f} s".replace(".", ","))


def followed(access: ServerAccess, ask: Callable[..., Any], *, quiet: bool) -> operation_pb2.Operation:
    """Demande une opération, et la suit jusqu'à sa fin."""
    with access.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        operation = ask(stub, metadata=access.metadata(admin=True), timeout=30).operation
        try:
            return _follow(stub, operation, quiet=quiet)
        except KeyboardInterrupt:
            raise CommandError(
                f"l'opération {operation.id} continue ; « passerelle cancel {operation.model} » l'annule."
            ) from None


def check_succeeded(operation: operation_pb2.Operation) -> None:
    """Vérifie l'issue d'une opération finie.

    Raises:
        CommandError: elle n'a pas réussi.
    """
    if operation.state != operation_pb2.OPERATION_STATE_SUCCEEDED:
        name = operation_pb2.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")
        error = operation.error
        raise CommandError(error.message or show.end(name), reason=error.reason or name)


def _follow(stub: Any, operation: operation_pb2.Operation, *, quiet: bool) -> operation_pb2.Operation:
    """Attend la fin d'une opération, avec son avancement."""
    bar: Any = None
    phase = ""
    request = operation_pb2.ListOperationsRequest(model=operation.model, page_size=_RECENT)
    while operation.state == _RUNNING:
        progress = operation.progress
        if not quiet and progress.total_bytes:
            if bar is None:
                bar = click.progressbar(length=int(progress.total_bytes), label=operation.model, file=sys.stderr)
                bar.render_progress()
            bar.update(int(progress.completed_bytes) - bar.pos)
        elif not quiet and progress.phase != phase:
            click.echo(f"  {operation.model} : {show.phase(progress.phase)}", err=True)
        phase = progress.phase
        time.sleep(_POLL_SECONDS)
        found = [other for other in _recent(stub, request) if other.id == operation.id]
        if not found:
            raise CommandError(
                f"l'opération {operation.id} n'est plus connue du serveur.", reason="OPERATION_NOT_FOUND"
            )
        operation = found[0]
    if bar is not None:
        bar.update(bar.length - bar.pos)
        bar.render_finish()
    return operation


def _recent(stub: Any, request: operation_pb2.ListOperationsRequest) -> Sequence[operation_pb2.Operation]:
    """Dernières opérations ; elles survivent à un plan de contrôle qui se relance."""
    found: Sequence[operation_pb2.Operation] = patient(lambda: stub.ListOperations(request, timeout=30)).operations
    return found


def patient(ask: Callable[[], T]) -> T:
    """Répète une lecture le temps qu'un plan de contrôle se relance."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except grpc.RpcError as error:
            call: Any = error
            if call.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


@click.command(help="Annule l'opération en cours d'un modèle.")
@MODEL
@click.pass_obj
def cancel(session: Session, model: str) -> None:
    """Annulation, défaite comprise."""
    request = operation_pb2.ListOperationsRequest(model=model, page_size=_RECENT)
    with session.server.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        running = [operation.id for operation in _recent(stub, request) if operation.state == _RUNNING]
        if not running:
            raise CommandError(f"aucune opération n'est en cours sur « {model} ».", reason="OPERATION_NOT_FOUND")
        operation = stub.CancelOperation(
            operation_pb2.CancelOperationRequest(operation_id=running[0]),
            metadata=session.server.metadata(admin=True),
            timeout=_PATIENCE_SECONDS,
        ).operation
    if session.as_json:
        show.message(operation)
    if operation.state != operation_pb2.OPERATION_STATE_CANCELLED:
        raise CommandError(f"l'opération {operation.id} s'est finie avant d'être annulée.", reason="INVALID_STATE")
    if not session.as_json:
        click.echo(f"{model} : opération annulée")


@click.command(help="Journal d'un modèle.")
@MODEL
@click.option("-n", "--tail", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Dernières lignes.")
@click.option("-f", "--follow", is_flag=True, help="Continue avec les nouvelles lignes.")
@click.option("--text", is_flag=True, help="Des lignes à lire, et non du JSON.")
@click.pass_obj
def logs(session: Session, model: str, tail: int, follow: bool, text: bool) -> None:
    """Lignes de l'exemplaire : déjà du JSON."""
    request = admin_pb2.StreamLogsRequest(model=model, tail_lines=tail, follow=follow)
    with session.server.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        try:
            for answer in stub.StreamLogs(request, metadata=session.server.metadata(admin=True)):
                for line in answer.lines:
                    click.echo(as_text(line) if text else line)
        except KeyboardInterrupt:
            return


VERBS = (status, download, load, unload, cancel, logs)
