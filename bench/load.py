"""Générateur de charge HTTP/1.1 et relevé de processeur."""

import asyncio
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil


@dataclass
class StreamResult:
    """Relevé d'une réponse : instants en secondes depuis l'envoi."""

    tokens: int = 0
    first: float = 0.0
    total: float = 0.0
    gaps: list[float] = field(default_factory=list)


async def one_request(
    host: str, port: int, path: str, body: dict[str, object], reuse: "Connection | None" = None
) -> StreamResult:
    """Une requête POST ; compte les trames `data: {`.

    Raises:
        RuntimeError: réponse autre que 200.
    """
    connection = reuse or await Connection.open(host, port)
    result = await connection.post(path, orjson.dumps(body))
    if reuse is None:
        connection.close()
    return result


class Connection:
    """Connexion HTTP/1.1 gardée ouverte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        """Ouvre la connexion."""
        return cls(*await asyncio.open_connection(host, port, limit=1 << 20))

    def close(self) -> None:
        """Ferme la connexion."""
        self._writer.close()

    async def post(self, path: str, body: bytes, content_type: str = "application/json") -> StreamResult:
        """Envoie une requête et lit sa réponse entière.

        Raises:
            RuntimeError: réponse autre que 200.
        """
        begin = time.perf_counter()
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        header = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        result = StreamResult()
        last = begin
        async for piece in self._body(header):
            if b" 200 " not in header[:16]:
                raise RuntimeError(f"{header!r} {piece!r}")
            now = time.perf_counter()
            count = piece.count(b"data: {") or (0 if b"data: [DONE]" in piece else 1)
            if not result.tokens:
                result.first = now - begin
            elif count:
                result.gaps.append(now - last)
            last = now
            result.tokens += count
        result.total = time.perf_counter() - begin
        return result

    async def _body(self, header: bytes):  # type: ignore[no-untyped-def]
        if b"transfer-encoding: chunked" in header:
            while size := int((await self._reader.readline()).strip(), 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readline()
        else:
            length = int(header.split(b"content-length:")[1].split(b"\r\n")[0])
            yield await self._reader.readexactly(length)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Temps de processeur (utilisateur et système) de processus vivants, en secondes, à la nanoseconde de l'ordonnanceur.

    Celui des fils déjà finis n'y est pas ; ceux d'un serveur durent autant que lui.
    """
    spent = 0
    for pid in pids:
        for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            spent += int(schedstat.read_text().split()[0])
    return spent / 1e9


def percentile(values: list[float], ratio: float) -> float:
    """Centile par rang le plus proche."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(ratio * len(ordered)))]


def spread(values: list[float], digits: int = 2) -> str:
    """Médiane et étendue, pour un tableau."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} à {max(values):.{digits}f})"


def machine() -> str:
    """Processeur et cœurs de la machine de mesure."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "inconnu")
    return f"{model}, {psutil.cpu_count()} cœurs, charge {psutil.getloadavg()[0]:.1f}"
