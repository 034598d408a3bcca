"""Le dernier message d'un corps reçu entier part avec le statut de l'appel : les en-têtes ne coûtent pas un envoi de plus."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from prometheus_client import CollectorRegistry

from server.errors import EngineFailed
from server.rpc.auth import Guard
from server.rpc.http_body import (
    EVENT_STREAM,
    JSON,
    Family,
    LastBody,
    encode_body,
    error_event,
    error_response,
    serialize,
)
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics

CHAT = "/passerelle.v1.RestService/CreateChatCompletion"
WHOLE, MORE = encode_body(b"{}", JSON), encode_body(b"{}")
FIRST, NEXT, END = encode_body(b"data: 1\n\n", EVENT_STREAM), encode_body(b"data: 2\n\n"), encode_body(b"data: 3\n\n")
ERROR = EngineFailed("panne")
TOLD, REFUSED = error_event(ERROR, Family.OPENAI), error_response(ERROR, Family.OPENAI)


class Context:
    """Retient ce qui est écrit à part du dernier message."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def invocation_metadata(self) -> tuple[()]:
        """Aucun en-tête."""
        return ()

    def time_remaining(self) -> None:
        """Sans échéance."""

    async def send_initial_metadata(self, _metadata: Any) -> None:
        """Part à part, toujours."""

    async def write(self, message: Any) -> None:
        """Un envoi."""
        self.written.append(serialize(message))


@pytest.mark.parametrize(
    ("produced", "written", "last"),
    [
        ([WHOLE], [], WHOLE),
        ([WHOLE, MORE], [WHOLE], MORE),
        ([ERROR], [], REFUSED),
        ([FIRST, NEXT, LastBody(END)], [FIRST, NEXT], END),
        ([LastBody(FIRST)], [], FIRST),
        ([FIRST, ERROR], [FIRST], TOLD),
        ([FIRST, LastBody(END), ERROR], [FIRST, END], TOLD),
        ([FIRST, LastBody(NEXT), END], [FIRST, NEXT], END),
    ],
)
async def test_the_last_message_goes_with_the_status(produced: list[Any], written: list[bytes], last: bytes) -> None:
    async def behavior(_request: HttpBody, _context: Any) -> AsyncIterator[bytes]:
        for one in produced:
            if isinstance(one, Exception):
                raise one
            yield one

    async def pieces() -> AsyncIterator[HttpBody]:
        yield HttpBody(data=b"{}")

    interceptor = ServiceInterceptor(Guard((), ()), RpcMetrics(CollectorRegistry()))
    wrapped = interceptor._wrap(CHAT, grpc.unary_stream_rpc_method_handler(behavior))
    context = Context()
    returned = await wrapped.stream_unary(pieces(), context)
    assert (context.written, serialize(returned)) == (written, last)
    # gRPC refuse une classe qui en hérite.
    assert type(serialize(returned)) is bytes
