"""Les certificats : lus et vérifiés ici, donnés à Envoy d'un seul renommage, suivis sans redémarrage.

Envoy seul ne verrait pas un fichier récrit sur place, et pourrait servir un certificat avec la clé d'un autre.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.french import why
from server.supervisor.envoy import EnvoyError
from server.supervisor.envoy_tls import clients_resource, clients_secret, server_resource, server_secret

logger = logging.getLogger(__name__)

_INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Fichiers PEM donnés par l'exploitant."""

    certificate: Path
    """Certificat du serveur, suivi de sa chaîne."""
    key: Path
    """Clé du certificat, sans mot de passe."""
    client_ca: Path | None = None
    """Autorités des certificats de client ; `None` : aucun n'est demandé."""


class TlsError(EnvoyError):
    """Certificat refusé ; le message nomme la variable."""


class TlsKeeper:
    """Tient les fichiers de secrets d'Envoy à jour de ceux de l'exploitant."""

    def __init__(self, files: TlsFiles, run_dir: Path, *, interval: float = _INTERVAL) -> None:
        """`interval` : secondes entre deux lectures des fichiers."""
        self._files = files
        self._run_dir = run_dir
        self._interval = interval
        self._given: tuple[str, str, str] | None = None

    def publish(self) -> bool:
        """Donne à Envoy les fichiers, s'ils ont changé ; faux sinon.

        Raises:
            TlsError: fichier illisible, ou certificat et clé qui ne vont pas ensemble.
        """
        files = self._files
        found = (
            _read("PASSERELLE_TLS_CERT", files.certificate),
            _read("PASSERELLE_TLS_KEY", files.key),
            _read("PASSERELLE_TLS_CLIENT_CA", files.client_ca) if files.client_ca else "",
        )
        if found == self._given:
            return False
        certificate, key, authorities = found
        self._check_pair(certificate, key)
        if files.client_ca:
            _check_authorities(authorities)
            self._write(clients_secret(self._run_dir), json.dumps(clients_resource(authorities)))
        self._write(server_secret(self._run_dir), json.dumps(server_resource(certificate, key)))
        self._given = found
        return True

    async def follow(self) -> None:
        """Suit les fichiers sans fin ; un renouvellement refusé laisse servir le certificat précédent."""
        refused = ""
        while True:
            await asyncio.sleep(self._interval)
            try:
                if await asyncio.to_thread(self.publish):
                    logger.info("tls_certificate_renewed")
                    print("TLS : certificat renouvelé.", file=sys.stderr, flush=True)
                refused = ""
            except TlsError as error:
                if str(error) != refused:
                    refused = str(error)
                    logger.error("tls_certificate_refused", extra={"error": refused})
                    print(
                        f"TLS : renouvellement refusé, le précédent reste servi. {refused}", file=sys.stderr, flush=True
                    )

    def _check_pair(self, certificate: str, key: str) -> None:
        # Le module ssl ne lit une clé que dans un fichier.
        pair = self._run_dir / ".tls-pair.pem"
        self._write(pair, f"{key.rstrip()}\n{certificate}")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(
                f"PASSERELLE_TLS_CERT ({self._files.certificate}) et PASSERELLE_TLS_KEY ({self._files.key}) ne forment "
                f"pas une paire PEM utilisable : {_reason(error)}."
            ) from error
        finally:
            pair.unlink()

    def _write(self, path: Path, text: str) -> None:
        fresh = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.rename(path)


def _check_authorities(authorities: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"PASSERELLE_TLS_CLIENT_CA : aucun certificat PEM lisible ({_reason(error)}).") from error


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = why(error) if isinstance(error, OSError) else "ce n'est pas du PEM"
        raise TlsError(f"{variable} : {path} est illisible ({detail}).") from error


def _no_password() -> Any:
    raise ValueError("la clé est protégée par un mot de passe ; déchiffrez-la (« openssl pkey »)")


def _reason(error: Exception) -> str:
    if not isinstance(error, ssl.SSLError):
        return str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "la clé n'est pas celle du certificat"
    return str(error.reason or error)
