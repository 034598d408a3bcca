"""Les réponses HTTP que porte un flux de `google.api.HttpBody`.

Une réponse en flux coûte un message par envoi : le message est écrit à la main, sans objet protobuf (10 % du temps d'un
front, mesuré).
"""

from enum import StrEnum
from typing import Any

from google.protobuf.message import Message

from server.errors import PasserelleError
from server.rpc.status import api_body, codes, never_soon, openai_body, retry_after_header
from server.varint import varint

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

_CONTENT_TYPE_TAG = b"\x0a"
_DATA_TAG = b"\x12"
_EVENT_HEAD = _CONTENT_TYPE_TAG + bytes([len(EVENT_STREAM)]) + EVENT_STREAM.encode()


class Family(StrEnum):
    """Forme des erreurs d'une route HTTP."""

    OPENAI = "openai"
    API = "api"


class LastBody(bytes):
    """`HttpBody` sérialisé dont la méthode sait qu'il est le dernier d'un flux d'événements."""

    __slots__ = ()


def encode_body(data: bytes, content_type: str = "") -> bytes:
    """`HttpBody` sérialisé ; seul le premier message d'une réponse a besoin d'un type."""
    head = b""
    if content_type:
        kind = content_type.encode()
        head = _CONTENT_TYPE_TAG + varint(len(kind)) + kind
    return head + _DATA_TAG + varint(len(data)) + data


def serialize(message: Any) -> bytes:
    """Sérialise un message, ou laisse passer celui qui l'est déjà."""
    if type(message) is bytes:
        return message
    if isinstance(message, bytes):
        # gRPC ne prend qu'eux, pas leur descendance.
        return bytes(message)
    assert isinstance(message, Message)
    return message.SerializeToString()


def error_headers(error: PasserelleError) -> tuple[tuple[str, str], ...]:
    """Métadonnées initiales d'une réponse d'erreur : code HTTP et délai conseillé."""
    headers = [("x-http-status", str(codes(error).http))]
    retry = retry_after_header(error)
    if retry is not None:
        headers.append(("retry-after", retry))
    if never_soon(error):
        headers.append(("x-should-retry", "false"))
    return tuple(headers)


def is_event_stream(message: bytes) -> bool:
    """Vrai si ce premier message d'une réponse en fait un flux d'événements."""
    return message.startswith(_EVENT_HEAD)


def error_response(error: PasserelleError, family: Family) -> bytes:
    """Unique message d'une réponse d'erreur."""
    return encode_body(error_json(error, family), JSON)


def error_event(error: PasserelleError, family: Family) -> bytes:
    """Dernier événement SSE d'une réponse déjà commencée."""
    return encode_body(b"data: " + error_json(error, family) + b"\n\n")


def error_json(error: PasserelleError, family: Family) -> bytes:
    """Corps JSON de l'erreur dans la forme de sa famille."""
    return openai_body(error) if family is Family.OPENAI else api_body(error)
