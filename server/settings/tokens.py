"""Les jetons d'un fournisseur d'identité : leurs réglages (`PASSERELLE_JWT_…`), et le fichier de clés publiques."""

import ipaddress
import json
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from server.domain import SCOPES, TokenProvider
from server.french import why
from server.tables import ConfigError

if TYPE_CHECKING:
    from server.settings.config import _Env

_ISSUER = "PASSERELLE_JWT_ISSUER"
_PATHS = ("PASSERELLE_JWT_JWKS_FILE", "PASSERELLE_JWT_CA")
_OTHERS = ("AUDIENCE", "JWKS_URL", "SCOPE_CLAIM", "SCOPES", "OWNER_CLAIM", "REFRESH_SECONDS", "TIMEOUT_SECONDS")
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_PUBLIC_KINDS = ("RSA", "EC", "OKP")
MAX_JWKS_BYTES = 1024 * 1024
"""Octets d'un document de clés publiques, au plus."""


def token_provider(env: "_Env") -> TokenProvider | None:
    """Fournisseur que disent les variables ; `None` sans `PASSERELLE_JWT_ISSUER`.

    Raises:
        ConfigError: variable manquante ou refusée.
    """
    issuer = env.text(_ISSUER, "")
    audiences = env.items("PASSERELLE_JWT_AUDIENCE")
    url, file = env.text("PASSERELLE_JWT_JWKS_URL", ""), env.path("PASSERELLE_JWT_JWKS_FILE")
    authorities = env.path("PASSERELLE_JWT_CA")
    found = TokenProvider(
        issuer=issuer,
        audiences=audiences,
        jwks_url=url,
        jwks_file=file,
        authorities=authorities,
        refresh_seconds=env.number("PASSERELLE_JWT_REFRESH_SECONDS", 300.0, 1.0, 86400.0),
        timeout_seconds=env.number("PASSERELLE_JWT_TIMEOUT_SECONDS", 5.0, 0.1, 60.0),
        clock_skew_seconds=env.integer("PASSERELLE_JWT_CLOCK_SKEW_SECONDS", 60, 1, 3600),
        owner_claim=env.text("PASSERELLE_JWT_OWNER_CLAIM", "sub"),
        scope_claims=env.items("PASSERELLE_JWT_SCOPE_CLAIM") or ("scope", "scp", "roles"),
        **_scopes(env.items("PASSERELLE_JWT_SCOPES")),
    )
    if not issuer:
        alone = [f"PASSERELLE_JWT_{name}" for name in _OTHERS if env.text(f"PASSERELLE_JWT_{name}", "")]
        alone += [name for name in _PATHS if env.path(name)]
        if alone:
            raise ConfigError(f"{_ISSUER} : émetteur attendu avec {', '.join(alone)}.")
        return None
    if not audiences:
        raise ConfigError(
            f"PASSERELLE_JWT_AUDIENCE : destinataire attendu avec {_ISSUER} ; sans lui, un jeton fait pour un autre "
            "service entrerait."
        )
    if bool(url) is (file is not None):
        raise ConfigError(
            f"PASSERELLE_JWT_JWKS_URL : l'adresse des clés publiques est attendue avec {_ISSUER}, ou leur fichier "
            f"(PASSERELLE_JWT_JWKS_FILE), et un seul des deux ; {'les deux sont donnés' if url else 'aucun ne l’est'}."
        )
    _check_url(url)
    return found


def authorities_file(provider: TokenProvider) -> Path:
    """Fichier des autorités crues pour l'adresse des clés : celui de l'exploitant, sinon celui de la machine.

    Raises:
        ConfigError: aucun n'est là.
    """
    default = ssl.get_default_verify_paths().cafile
    known = (Path(path) for path in (default, *_BUNDLES) if path)
    found = provider.authorities or next((path for path in known if path.is_file()), None)
    if found is None or not found.is_file():
        what = f"« {found} » n'est pas un fichier" if found else "cette machine n'a pas d'autorités"
        raise ConfigError(f"PASSERELLE_JWT_CA : {what} ; donnez le fichier PEM de celles du fournisseur d'identité.")
    return found


def check_jwks(content: bytes) -> int:
    """Nombre de clés publiques d'un document JWKS.

    Raises:
        ValueError: ce n'en est pas un, il n'en a aucune, ou il porte un secret.
    """
    if len(content) > MAX_JWKS_BYTES:
        raise ValueError(f"le document a {len(content)} octets, plus que la limite, {MAX_JWKS_BYTES}")
    try:
        document: Any = json.loads(content)
    except ValueError as error:
        raise ValueError("ce n'est pas du JSON") from error
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError("ce n'est pas un document de clés publiques (« keys », une liste d'objets)")
    if any(key.get("kty") == "oct" or "d" in key for key in keys):
        raise ValueError("il porte une clé secrète (« oct » ou « d ») : seules les clés publiques y ont leur place")
    count = sum(key.get("kty") in _PUBLIC_KINDS for key in keys)
    if not count:
        raise ValueError(f"il n'a aucune clé publique ({', '.join(_PUBLIC_KINDS)})")
    return count


def check_tokens(provider: TokenProvider | None) -> None:
    """Vérifie au démarrage ce que les jetons demandent à cette machine.

    Raises:
        ConfigError: fichier de clés ou d'autorités qui ne convient pas.
    """
    if provider is None:
        return
    if provider.jwks_file is None:
        if provider.jwks_url.startswith("https:"):
            authorities_file(provider)
        return
    try:
        check_jwks(provider.jwks_file.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"PASSERELLE_JWT_JWKS_FILE : « {provider.jwks_file} » est illisible ({why(error)})."
        ) from error
    except ValueError as error:
        raise ConfigError(f"PASSERELLE_JWT_JWKS_FILE : « {provider.jwks_file} » : {error}.") from error


def _check_url(url: str) -> None:
    if not url:
        return
    name = "PASSERELLE_JWT_JWKS_URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{name} : « {url} » n'est pas une adresse ({error}).") from error
    if parts.username is not None:
        raise ConfigError(f"{name} : cette adresse porte un compte ; des clés publiques se lisent sans compte.")
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.fragment:
        raise ConfigError(f"{name} : « {url} » n'est pas une adresse https:// (sans dièse).")
    if parts.scheme == "http" and not _loopback(host):
        raise ConfigError(
            f"{name} : « {url} » est en clair ; qui tient le réseau y mettrait ses propres clés. https:// est attendu, "
            "sauf vers cette machine."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scopes(entries: tuple[str, ...]) -> dict[str, Any]:
    """Portées de chaque valeur (`valeur=portée+portée`) ; vide : le défaut."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        value, separator, text = entry.rpartition("=")
        scopes = tuple(text.split("+"))
        wrong = next((scope for scope in scopes if scope not in SCOPES), None)
        if not separator or not value or wrong is not None:
            raise ConfigError(
                f"PASSERELLE_JWT_SCOPES : « {entry} » n'est pas de la forme valeur=portée+portée (portées : "
                f"{', '.join(SCOPES)})."
            )
        found[value] = (*found.get(value, ()), *scopes)
    return {"scopes": found} if found else {}
