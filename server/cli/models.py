"""Les modèles du serveur appelé : ceux que la complétion propose, et celui d'un verbe à qui l'on n'en nomme aucun."""

from collections.abc import Iterator
from typing import Any

import click
import grpc
from click.shell_completion import CompletionItem
from passerelle.v1 import admin_pb2_grpc, limits_pb2, model_pb2

from server.cli.connection import CommandError, find_server

_COMPLETION_SECONDS = 2.0
_TIMEOUT = 30.0
_DOES = {
    model_pb2.CAPABILITY_CHAT: "ne mène de conversation",
    model_pb2.CAPABILITY_TRANSCRIBE: "ne transcrit",
    model_pb2.CAPABILITY_DIARIZE: "ne dit qui parle",
}


def model_option() -> Any:
    """Option `--model` ; sans elle, `chosen` demande au serveur."""
    return click.option("--model", shell_complete=model_keys, help="Modèle ; sinon le premier du serveur qui convient.")


def chosen(channel: grpc.Channel, model: str | None, capability: "model_pb2.Capability") -> str:
    """Modèle demandé, sinon le premier de cette capacité dans le profil du serveur.

    Raises:
        CommandError: aucun modèle du serveur n'en est capable.
    """
    if model:
        return model
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    found = stub.GetCapabilities(limits_pb2.GetCapabilitiesRequest(), timeout=_TIMEOUT)
    for one in found.models:
        if one.capability == capability:
            return str(one.key)
    raise CommandError(
        f"aucun modèle du profil « {found.profile} » {_DOES[capability]} ; ses modèles : "
        f"{', '.join(one.key for one in found.models)}.",
        reason="MODEL_NOT_FOUND",
    )


def model_keys(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Clés que le serveur dit, à défaut celles du profil d'ici, pour la complétion."""
    options = ctx.find_root().params
    try:
        found = list(_served(options.get("address") or "", options.get("key") or ""))
    except CommandError:
        found = list(_configured())
    return [CompletionItem(key, help=name) for key, name in found if key.startswith(incomplete)]


def _served(address: str, key: str) -> Iterator[tuple[str, str]]:
    access = find_server(address, key)
    with access.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        request = model_pb2.ListModelsRequest()
        for model in stub.ListModels(request, metadata=access.metadata(), timeout=_COMPLETION_SECONDS).models:
            yield model.key, model.display_name


def _configured() -> Iterator[tuple[str, str]]:
    from server.settings.config import load_config
    from server.settings.profile import ConfigError

    try:
        models = load_config().profile.models
    except ConfigError:
        return
    yield from ((model.key, model.display_name) for model in models)
