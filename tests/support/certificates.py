"""Des certificats pour les essais, faits par openssl et valables un jour."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Issued:
    """Certificat et sa clé."""

    certificate: Path
    key: Path


class Authority:
    """Autorité d'essai."""

    def __init__(self, folder: Path, name: str = "autorite") -> None:
        assert shutil.which("openssl"), "openssl est introuvable : « apt-get install openssl »."
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(self._key, self.certificate, "-subj", f"/CN={name}")

    def issue(self, name: str) -> Issued:
        """Certificat de serveur pour 127.0.0.1, ou de client."""
        made = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signed = ("-CA", str(self.certificate), "-CAkey", str(self._key), "-addext", "basicConstraints=CA:FALSE")
        names = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        _openssl(made.key, made.certificate, *names, *signed)
        return made

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        """Contexte d'un client qui ne croit que cette autorité."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context


def served_name(port: int, context: ssl.SSLContext) -> str:
    """Nom porté par le certificat que sert ce port."""
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        subject = (secured.getpeercert() or {})["subject"]
    return str(dict(pair for group in subject for pair in group)["commonName"])  # type: ignore[misc,union-attr]


def _openssl(key: Path, certificate: Path, *options: str) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    command = ["openssl", "req", "-x509", *curve, "-keyout", str(key), "-out", str(certificate), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
