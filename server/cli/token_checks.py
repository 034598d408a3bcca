"""Ce que `doctor` dit des jetons d'un fournisseur d'identité : ses clés publiques se lisent-elles d'ici ?"""

import ssl
import urllib.error
import urllib.request
from typing import Any

from server.cli.findings import Finding, Level
from server.domain import TokenProvider
from server.settings.config import Config
from server.settings.profile import ConfigError
from server.settings.tokens import MAX_JWKS_BYTES, authorities_file, check_jwks, check_tokens

_NAME = "jetons d'identité"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Envoy ne suit aucune redirection : les suivre ici ferait croire qu'il lira."""

    def redirect_request(self, *_: Any) -> None:
        return None


def token_checks(config: Config) -> Finding:
    """Lit les clés publiques comme Envoy le fera : sans mandataire, sans redirection, avec les mêmes autorités."""
    provider = config.tokens
    if provider is None:
        return Finding(_NAME, Level.OK, "aucun fournisseur")
    try:
        check_tokens(provider)
        count = (
            check_jwks(_fetched(provider))
            if provider.jwks_file is None
            else check_jwks(provider.jwks_file.read_bytes())
        )
    except ConfigError as error:
        return Finding(_NAME, Level.FAILURE, str(error), "Corrigez cette variable.")
    except (OSError, ValueError) as error:
        reason = f"code {error.code}" if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        advice = "Envoy y va sans mandataire ; sinon, gardez ces clés dans un fichier (PASSERELLE_JWT_JWKS_FILE)."
        return Finding(_NAME, Level.WARNING, f"{provider.jwks_url} : clés illisibles ({reason})", advice)
    return Finding(_NAME, Level.OK, f"{provider.issuer}, {count} clé{'s' if count > 1 else ''} à {_source(provider)}")


def _source(provider: TokenProvider) -> str:
    return str(provider.jwks_file or provider.jwks_url)


def _fetched(provider: TokenProvider) -> bytes:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if provider.jwks_url.startswith("https:"):
        context = ssl.create_default_context(cafile=str(authorities_file(provider)))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)
    with opener.open(provider.jwks_url, timeout=provider.timeout_seconds) as answer:
        return bytes(answer.read(MAX_JWKS_BYTES + 1))
