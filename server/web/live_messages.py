"""Les messages du WebSocket de direct : du JSON de proto3 vers le contrat, et retour.

Un événement est le message du contrat, à plat, sous le nom de son champ (`type`) ; rien n'y est ajouté ni traduit.
"""

import re
from typing import Any

import orjson
from google.protobuf import json_format
from passerelle.v1 import transcribe_pb2

from server.errors import AudioConfigExpected, InvalidRequest, PasserelleError, ShuttingDown
from server.json_depth import check_depth
from server.rpc.status import codes

NORMAL = 1000
GOING_AWAY = 1001
TOO_BIG = 1009
_PRIVATE = 4000

_KEY = re.compile(r"[\x21-\x7e]*")
_CONFIG_FIELDS = {"type", "api_key", "config"}


def first_message(text: str, max_depth: int) -> tuple[str, transcribe_pb2.StreamTranscribeConfig]:
    """Clé et réglages du premier message, `{"type": "config", "api_key": …, "config": {…}}`.

    Raises:
        AudioConfigExpected: autre chose qu'un message `config`.
        InvalidRequest: champ inconnu ou mal formé ; la clé n'est jamais répétée.
    """
    data = _object(text, max_depth)
    if data.get("type") != "config":
        raise AudioConfigExpected(
            'Le premier message porte la configuration : {"type": "config", "config": {…}}.',
            metadata={"field": "type"},
        )
    unknown = sorted(data.keys() - _CONFIG_FIELDS)
    if unknown:
        raise InvalidRequest(
            f"{unknown[0]} : champ inconnu du premier message (type, api_key, config).",
            metadata={"field": unknown[0]},
        )
    key = data.get("api_key", "")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidRequest("api_key : une clé est un texte sans espace ni accent.", metadata={"field": "api_key"})
    config = data.get("config", {})
    if not isinstance(config, dict):
        raise InvalidRequest("config : un objet est attendu.", metadata={"field": "config"})
    try:
        return key, json_format.ParseDict(config, transcribe_pb2.StreamTranscribeConfig())
    except json_format.ParseError as error:
        raise InvalidRequest(
            f"config : ce n'est pas le JSON d'un StreamTranscribeConfig ({error}).", metadata={"field": "config"}
        ) from None


def check_end(text: str, max_depth: int) -> None:
    """Laisse passer `{"type": "end"}`, le seul texte admis après le premier message.

    Raises:
        InvalidRequest: autre texte.
    """
    data = _object(text, max_depth)
    if data != {"type": "end"}:
        raise InvalidRequest(
            'Après la configuration : des messages binaires (l\'audio), puis {"type": "end"}.',
            metadata={"field": "type", "value": str(data.get("type", ""))},
        )


def event_text(event: transcribe_pb2.StreamTranscribeResponse) -> str:
    """Événement du serveur, en texte ; vide pour un événement que ce processus ne connaît pas encore."""
    kind = event.WhichOneof("event")
    if kind is None:
        return ""
    fields = json_format.MessageToDict(
        getattr(event, kind), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return orjson.dumps({"type": kind, **fields}).decode()


def error_text(error: PasserelleError) -> str:
    """Erreur, avec les champs qu'ont celles de `/api`."""
    data: dict[str, Any] = {
        "type": "error",
        "code": codes(error).http,
        "reason": error.reason,
        "message": error.message,
        "metadata": error.metadata,
    }
    if error.retry_after is not None:
        data["retry_after"] = error.retry_after
    return orjson.dumps(data).decode()


def close_code(error: PasserelleError) -> int:
    """Code de fermeture : 1001 si le serveur s'arrête, 1009 pour un message trop long, sinon 4000 plus le code HTTP."""
    if isinstance(error, ShuttingDown):
        return GOING_AWAY
    http = codes(error).http
    return TOO_BIG if http == 413 else _PRIVATE + http


def _object(text: str, max_depth: int) -> dict[str, Any]:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise InvalidRequest("Un message texte est un objet JSON.", metadata={"field": "message"})
    check_depth(data, max_depth)
    return data
