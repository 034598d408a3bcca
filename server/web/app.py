"""L'application Starlette qui sert la page ; ses données passent par gRPC-Web, directement à Envoy.

Seul le microphone passe par elle (server/web/live.py) : gRPC-Web ne sait pas envoyer un flux.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from server.shortage import shortage

NONCE = "__CSP_NONCE__"
"""Place du nonce dans `index.html`."""

_IMMUTABLE = "public, max-age=31536000, immutable"
_MESSAGES = {
    HTTPStatus.NOT_FOUND: ("Page introuvable", "Cette adresse ne mène à rien."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Méthode refusée", "Cette adresse n'accepte que GET et HEAD."),
}


def create_app(dist_dir: Path, config: Callable[[], Mapping[str, Any]], routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Application qui sert `routes`, `config` sur `/config.json`, et `dist_dir` (la page construite) ailleurs.

    La page n'a qu'une adresse : ses vues viennent après le dièse. Les fichiers sont relus à chaque requête : une
    reconstruction se voit aussitôt.
    """
    index = dist_dir / "index.html"
    files = StaticFiles(directory=dist_dir, check_dir=False)

    async def send_config(_request: Request) -> Response:
        return _protected(JSONResponse(dict(config())))

    async def send_page(request: Request) -> Response:
        path = request.path_params["path"]
        try:
            text = await asyncio.to_thread(index.read_text, "utf-8")
        except FileNotFoundError:
            advice = "Lancez « make setup » sur le serveur, puis rechargez."
            return _message(HTTPStatus.SERVICE_UNAVAILABLE, "La page n'est pas construite", advice)
        if path not in ("", "index.html"):
            if "\0" in path:
                raise HTTPException(HTTPStatus.NOT_FOUND)
            # Vite met l'empreinte du contenu dans le nom des fichiers de assets/.
            cache = _IMMUTABLE if path.startswith("assets/") else "no-cache"
            return _protected(await files.get_response(os.path.normpath(path), request.scope), cache=cache)
        nonce = secrets.token_urlsafe(16)
        return _protected(HTMLResponse(text.replace(NONCE, nonce)), nonce=nonce)

    return Starlette(
        routes=[
            *routes,
            Route("/config.json", send_config, methods=["GET"]),
            Route("/{path:path}", send_page, methods=["GET"]),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )


def _protected(response: Response, *, cache: str = "no-cache", nonce: str = "") -> Response:
    allowed = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    # La page écoute le fichier que la personne a choisi : une adresse blob: ne désigne que ce que la page a créé.
    media = "media-src blob:; " if nonce else ""
    response.headers["cache-control"] = cache
    response.headers["content-security-policy"] = (
        f"default-src 'none'; script-src {allowed}; style-src {allowed}; img-src 'self'; font-src 'self'; "
        f"connect-src 'self'; {media}base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["cross-origin-opener-policy"] = "same-origin"
    return response


def _message(status: HTTPStatus, title: str, advice: str) -> Response:
    body = f'<!doctype html><html lang="fr"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{advice}</p>'
    return _protected(HTMLResponse(body, status_code=status))


async def _refused(_request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    title, advice = _MESSAGES.get(status, ("Demande refusée", "Cette adresse ne peut pas être servie ainsi."))
    response = _message(status, title, advice)
    for name, value in (getattr(error, "headers", None) or {}).items():
        response.headers[name] = value
    return response


async def _failed(_request: Request, error: Exception) -> Response:
    if (short := shortage(error)) is not None:
        response = _message(HTTPStatus.SERVICE_UNAVAILABLE, "Serveur débordé", short.message)
        response.headers["retry-after"] = f"{short.retry_after:.0f}"
        return response
    advice = "Le tableau de bord a rencontré une erreur ; le journal du serveur la détaille."
    return _message(HTTPStatus.INTERNAL_SERVER_ERROR, "Erreur du serveur", advice)
