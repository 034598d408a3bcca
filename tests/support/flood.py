"""Des appels qu'un client ouvre et ne finit jamais, octet par octet : mille tiennent en quelques millisecondes."""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 3, 4
_WINDOW, _LARGEST = 65535, 16384
EMPTY = bytes(5)
"""Message protobuf vide, dans son enveloppe gRPC."""


class Flood:
    """Une connexion HTTP/2 ; ses appels restent ouverts tant que le serveur ne les finit pas."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.settimeout(None)
        self._next = 1
        self._lock = threading.Lock()
        self._room = threading.Condition()
        self._initial = _WINDOW
        self._windows: Counter[int] = Counter({0: _WINDOW})
        """Octets que le serveur prend encore : 0, la connexion ; un flux, en plus de sa fenêtre initiale."""
        self.opened = 0
        self._ended: set[int] = set()
        self.max_streams = 0
        """Appels que le serveur annonce pouvoir tenir sur cette connexion."""
        self.refused = False
        """Le serveur ne veut plus de la connexion."""
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, b""))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def call(
        self, path: str, count: int, message: bytes | None = EMPTY, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Ouvre `count` appels ; `None` : les en-têtes seuls, la suite ne vient jamais."""
        block = _block([(":path", path), *_HEAD, *headers])
        frames = bytearray()
        for _ in range(count):
            frames += _frame(_HEADERS, _END_HEADERS, self._next, block)
            if message is not None:
                frames += _frame(_DATA, _END_STREAM, self._next, message)
            self._next += 2
        self.opened += count
        self._send(bytes(frames))

    def ask(self, path: str, count: int, body: bytes) -> None:
        """Envoie `count` requêtes JSON ; leurs réponses ne sont lues que tant que la fenêtre de départ le permet."""
        block = _block([(":path", path), *_JSON])
        for _ in range(count):
            stream, self._next = self._next, self._next + 2
            self._send(_frame(_HEADERS, _END_HEADERS, stream, block) + _frame(_DATA, _END_STREAM, stream, body))
        self.opened += count

    def pour(self, path: str, size: int, patience: float = 10.0) -> int:
        """Envoie un corps de `size` octets qui ne finit pas, au rythme permis ; rend ce qui a été pris."""
        stream, self._next = self._next, self._next + 2
        self.opened += 1
        self._send(_frame(_HEADERS, _END_HEADERS, stream, _block([(":path", path), *_JSON])))
        sent = 0
        end = time.monotonic() + patience
        while sent < size and stream not in self._ended and time.monotonic() < end:
            with self._room:
                room = min(_LARGEST, size - sent, self._windows[0], self._initial + self._windows[stream])
                if room <= 0:
                    self._room.wait(0.05)
                    continue
                self._windows[0] -= room
                self._windows[stream] -= room
            self._send(_frame(_DATA, 0, stream, b" " * room))
            sent += room
            end = time.monotonic() + patience
        return sent

    @property
    def held(self) -> int:
        """Appels ouverts que le serveur n'a pas finis."""
        return self.opened - len(self._ended)

    def close(self) -> None:
        """Coupe la connexion."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(10)
        self._socket.close()

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._socket.sendall(data)

    def _read(self) -> None:
        with suppress(OSError), self._socket.makefile("rb") as incoming:
            while head := incoming.read(9):
                size, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
                payload = incoming.read(size)
                if kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
                    self._ended.add(int.from_bytes(head[5:]))
                elif kind == _WINDOW_UPDATE:
                    with self._room:
                        self._windows[int.from_bytes(head[5:])] += int.from_bytes(payload)
                        self._room.notify_all()
                elif kind == _GOAWAY:
                    self.refused = True
                elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                    if kind == _SETTINGS:
                        found = dict(struct.iter_unpack(">HI", payload))
                        self.max_streams = found.get(_MAX_CONCURRENT_STREAMS, self.max_streams)
                        self._initial = found.get(_INITIAL_WINDOW_SIZE, self._initial)
                    self._send(_frame(kind, _ACK, 0, payload if kind == _PING else b""))


@contextmanager
def floods(port: int, connections: int) -> Iterator[list[Flood]]:
    """Connexions, toutes coupées en sortie."""
    with ExitStack() as closing:
        found = []
        for _ in range(connections):
            found.append(Flood(port))
            closing.callback(found[-1].close)
        yield found


_HEAD = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "passerelle"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


_JSON = [(":method", "POST"), (":scheme", "http"), (":authority", "passerelle"), ("content-type", "application/json")]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def _block(headers: Sequence[tuple[str, str]]) -> bytes:
    """En-têtes HPACK, chacun écrit en toutes lettres."""
    written = bytearray()
    for pair in headers:
        written.append(0x10)  # jamais mis dans la table : chaque bloc vaut seul
        for text in pair:
            assert len(text) < 127
            written += bytes([len(text)]) + text.encode()
    return bytes(written)
