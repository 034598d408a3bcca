"""Un fournisseur d'identité d'essai : des clés faites par openssl, des jetons signés, et l'adresse de ses clés publiques."""

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.certificates import Issued

ISSUER = "https://identite.exemple/"
AUDIENCE = "passerelle"


class SigningKey:
    """Une clé de signature, et la publique qui va avec."""

    def __init__(self, folder: Path, kid: str, algorithm: str = "RS256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self._path = folder / f"{kid}.key"
        kind = ("-algorithm", "ED25519") if algorithm == "EdDSA" else ("-algorithm", "RSA")
        _openssl("genpkey", *kind, "-out", str(self._path))

    def public(self) -> dict[str, str]:
        """La clé publique, telle qu'un fournisseur la publie."""
        known = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "EdDSA":
            raw = _openssl("pkey", "-in", str(self._path), "-pubout", "-outform", "DER")[-32:]
            return known | {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw)}
        modulus = _openssl("rsa", "-in", str(self._path), "-noout", "-modulus").decode().strip().partition("=")[2]
        return known | {"kty": "RSA", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}

    def pem(self) -> bytes:
        """La même, en PEM : ce qu'une attaque prend pour un secret partagé."""
        return _openssl("pkey", "-in", str(self._path), "-pubout")

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Jeton valable dix minutes ; `claims` remplace ses champs, `None` en ôte un."""
        return self.signed({"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | (header or {}), body(**claims))

    def signed(self, header: dict[str, Any], payload: dict[str, Any]) -> str:
        """Jeton fait de ces deux parties."""
        text = unsigned(header, payload)
        data = self._path.with_suffix(".data")
        data.write_bytes(text.encode())
        if self.algorithm == "EdDSA":
            signature = _openssl("pkeyutl", "-sign", "-rawin", "-inkey", str(self._path), "-in", str(data))
        else:
            signature = _openssl("dgst", "-sha256", "-sign", str(self._path), str(data))
        return f"{text}.{encoded(signature)}"


def body(**claims: Any) -> dict[str, Any]:
    """Contenu d'un bon jeton, ainsi changé."""
    now = int(time.time())
    known = {"iss": ISSUER, "aud": AUDIENCE, "sub": "service-a", "exp": now + 600, "scope": "chat transcribe"} | claims
    return {name: value for name, value in known.items() if value is not None}


def unsigned(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """Les deux premières parties d'un jeton."""
    return ".".join(encoded(json.dumps(part).encode()) for part in (header, payload))


def hmac_token(secret: bytes, kid: str, **claims: Any) -> str:
    """Jeton HS256, dont le secret est celui qu'un attaquant croit pouvoir choisir."""
    text = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid}, body(**claims))
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def encoded(data: bytes) -> str:
    """Base 64 des adresses, sans remplissage."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """L'adresse des clés publiques ; `keys` se change, `down` la fait échouer."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] = []
        self.down = False
        self.asked = 0
        self.served = 0
        self.url = ""

    def document(self) -> bytes:
        """Ce qui est publié."""
        return json.dumps({"keys": [key.public() for key in self.keys]}).encode()


@contextmanager
def provider(*keys: SigningKey, certificate: Issued | None = None) -> Iterator[Provider]:
    """Le fournisseur en marche, en TLS s'il a un certificat."""
    found = Provider()
    found.keys = list(keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            content = b"" if found.down else found.document()
            self.send_response(503 if found.down else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            found.served += not found.down

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    found.url = f"{scheme}://127.0.0.1:{server.server_port}/cles?version=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30).stdout
