"""L'adresse du WebSocket de direct."""

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from server.errors import InvalidRequest, PasserelleError
from server.rpc.status import api_body
from server.web.live import LiveBridge

logger = logging.getLogger(__name__)

PATH = "/ws/transcribe"


def live_routes(bridge: LiveBridge) -> list[BaseRoute]:
    """Le WebSocket, et ce que reçoit à sa place une requête HTTP ordinaire."""

    async def serve(socket: WebSocket) -> None:
        try:
            bridge.check(socket)
        except PasserelleError as error:
            logger.warning("live_socket_refused", extra={"reason": error.reason, **error.metadata})
            # Avant d'être accepté, un WebSocket fermé est un 403 ; un navigateur n'en montre rien d'autre à sa page.
            await socket.close()
            return
        await socket.accept()
        await bridge.serve(socket)

    async def explain(_request: Request) -> Response:
        error = InvalidRequest("Cette adresse est celle d'un WebSocket : docs/audio.md en décrit les messages.")
        headers = {"cache-control": "no-store", "upgrade": "websocket"}
        return Response(api_body(error), HTTPStatus.UPGRADE_REQUIRED, headers, media_type="application/json")

    return [WebSocketRoute(PATH, serve), Route(PATH, explain, methods=["GET"])]
