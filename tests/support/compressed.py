"""Messages gRPC compressés, envoyés tels quels : un client gRPC aurait d'abord à tenir leur taille vraie."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.tls import SSL

MIB = 1024 * 1024


def gzip_of(chunks: Iterator[bytes]) -> bytes:
    """Ces octets compressés, sans jamais les tenir tous."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(chunk) for chunk in chunks) + packer.flush()


def bomb(mebibytes: int) -> bytes:
    """Message de quelques centaines de Kio qui en vaut autant de Mio : un champ 15, inconnu, de zéros."""
    size = mebibytes * MIB
    head = bytearray(b"\x7a")
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)

    def chunks() -> Iterator[bytes]:
        yield bytes(head)
        for _ in range(mebibytes):
            yield bytes(MIB)

    return gzip_of(chunks())


def frame(data: bytes, *, compressed: bool) -> bytes:
    """Message tel que gRPC le met sur le fil."""
    return bytes([compressed]) + len(data).to_bytes(4) + data


def send(
    base_url: str,
    method: str,
    data: bytes,
    *,
    encoding: str = "",
    web: bool = False,
    socket: Path | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Appelle `method` avec ce message, annoncé comme `encoding` ; `socket` : par cette prise Unix."""
    content_type = "application/grpc-web+proto" if web else "application/grpc"
    sent = {"content-type": content_type, "te": "trailers"} | (headers or {})
    if encoding:
        sent["grpc-encoding"] = encoding
    transport = httpx.HTTPTransport(uds=str(socket) if socket else None, http1=web, http2=not web, verify=SSL)
    with httpx.Client(transport=transport, timeout=30) as http:
        return http.post(base_url + method, content=frame(data, compressed=True), headers=sent)


def status_of(response: httpx.Response) -> str:
    """`grpc-status` de la réponse, d'où qu'il vienne : en-tête, ou fin de corps en gRPC-Web."""
    found = response.headers.get("grpc-status")
    return found or response.text.partition("grpc-status:")[2].split("\r")[0].strip()


@contextmanager
def peak_under(mebibytes: int, pid: int | str = "self") -> Iterator[None]:
    """Vérifie que la mémoire d'un processus, celui-ci par défaut, n'a pas crû davantage dans le bloc, même un instant."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # remet à zéro le plus haut
    before = _kib(pid, "VmRSS")
    yield
    grown = (_kib(pid, "VmHWM") - before) // 1024
    assert grown < mebibytes, f"la mémoire a crû de {grown} Mio"


def _kib(pid: int | str, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))
