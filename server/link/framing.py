"""Les trames : une longueur de 32 bits gros-boutiste, puis un `Frame` sérialisé."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from google.protobuf.message import DecodeError
from passerelle.worker.v1 import link_pb2

from server.errors import PasserelleError, error_for
from server.varint import varint

logger = logging.getLogger(__name__)

LINK_VERSION = 2
"""Version de la liaison ; deux bouts de versions différentes ne se parlent pas."""

INPUT_WINDOW_BYTES = 1024 * 1024
"""Octets d'un flux d'entrée envoyés et pas encore lus, au plus : l'exemplaire rend la place à mesure qu'il lit."""

_HEADER_BYTES = 4
_SUBMIT_TAG = bytes([link_pb2.Frame.SUBMIT_FIELD_NUMBER << 3 | 2])
_PAYLOAD_TAG = bytes([link_pb2.Submit.PAYLOAD_FIELD_NUMBER << 3 | 2])
"""Débuts d'un champ de longueur donnée."""


class FrameConnection(asyncio.Protocol):
    """Un bout de liaison : lit sans s'arrêter, écrit sans attendre."""

    def __init__(
        self,
        max_frame_bytes: int,
        on_frame: Callable[[link_pb2.Frame], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._reason = "fermée par l'autre bout"
        self.heard_at = time.monotonic()
        """Instant (`time.monotonic`) où l'autre bout a parlé."""
        self.closed = asyncio.Event()

    @property
    def buffered(self) -> int:
        """Octets écrits que le système n'a pas encore pris."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, frame: link_pb2.Frame) -> None:
        """Écrit une trame ; sans effet sur une liaison fermée."""
        if self._transport is None or self._transport.is_closing():
            return
        data = frame.SerializeToString()
        self._transport.write(len(data).to_bytes(_HEADER_BYTES, "big") + data)

    def send_submit(self, submit: link_pb2.Submit, payload: bytes) -> None:
        """Écrit une requête, son corps à part : une image de plusieurs Mio n'est recopiée nulle part."""
        if self._transport is None or self._transport.is_closing():
            return
        fields = submit.SerializeToString() + _PAYLOAD_TAG + varint(len(payload))
        size = len(fields) + len(payload)
        head = _SUBMIT_TAG + varint(size) + fields
        length = len(head) + len(payload)
        self._transport.writelines((length.to_bytes(_HEADER_BYTES, "big") + head, payload))

    def close(self, reason: str) -> None:
        """Ferme la liaison ; ce qui est écrit part encore."""
        self._reason = reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Ferme la liaison et jette ce qui attend d'être écrit."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Celui d'uvloop a les mêmes méthodes sans hériter d'asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.closed.set()
        self._on_lost(str(exc) if exc else self._reason)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        buffer = self._buffer
        if not buffer and len(data) == _HEADER_BYTES + int.from_bytes(data[:_HEADER_BYTES], "big"):
            # Le cas courant : une trame, seule et entière.
            self._read(data[_HEADER_BYTES:])
            return
        buffer += data
        begin = 0
        while len(buffer) - begin >= _HEADER_BYTES:
            length = int.from_bytes(buffer[begin : begin + _HEADER_BYTES], "big")
            if length > self._max_frame_bytes:
                self._too_long(length)
                return
            end = begin + _HEADER_BYTES + length
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                frame = bytes(view[begin + _HEADER_BYTES : end])
            begin = end
            if not self._read(frame):
                return
        if begin:
            del buffer[:begin]

    def _read(self, data: bytes) -> bool:
        """Lit une trame ; faux si la liaison s'est fermée."""
        if len(data) > self._max_frame_bytes:
            self._too_long(len(data))
            return False
        try:
            frame = link_pb2.Frame.FromString(data)
        except DecodeError:
            self.abort("trame illisible")
            return False
        self._on_frame(frame)
        return self._transport is not None

    def _too_long(self, length: int) -> None:
        self.abort(f"trame de {length} octets, au-delà de la limite de {self._max_frame_bytes}")


def to_failure(request_id: int, error: PasserelleError) -> link_pb2.Failure:
    """Erreur d'une requête, pour le fil."""
    return link_pb2.Failure(
        id=request_id,
        reason=error.reason,
        message=error.message,
        metadata=error.metadata,
        retry_after_seconds=error.retry_after or 0.0,
    )


def from_failure(failure: link_pb2.Failure) -> PasserelleError:
    """Erreur venue du fil."""
    return error_for(failure.reason, failure.message, dict(failure.metadata), failure.retry_after_seconds or None)
