"""Le fichier des clés publiques du fournisseur d'identité, rendu à Envoy.

Envoy relit de lui-même une adresse, jamais un fichier : celui-ci lui vient donc d'ici, et une clé remplacée prend effet
sans redémarrage. Aucune route publique ne mène à cette adresse.
"""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.domain import TokenProvider

PATH = "/internal/jwks"


def key_routes(provider: TokenProvider | None) -> list[BaseRoute]:
    """L'adresse de ce fichier, relu à chaque demande ; rien sans fichier."""
    if provider is None or provider.jwks_file is None:
        return []
    path = provider.jwks_file

    async def send(_request: Request) -> Response:
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError:
            # Envoy garde les clés d'avant, et redemande.
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(content, media_type="application/json")

    return [Route(PATH, send, methods=["GET"])]
