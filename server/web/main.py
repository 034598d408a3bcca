"""L'application Starlette qui sert la page ; tout le reste passe par gRPC-Web, directement à Envoy."""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from server.lifetime import watch_parent

NONCE = "__CSP_NONCE__"
"""Place du nonce dans `index.html`."""

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Réglages de l'application."""

    socket_path: Path
    """Prise servie, en 0600."""
    dist_dir: Path
    """Page construite (`dashboard/dist`)."""
    config: Mapping[str, Any]
    """Ce que rend `/config.json`."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""


def create_app(settings: WebSettings) -> Starlette:
    """Application ; la page est relue à chaque requête, une reconstruction se voit donc aussitôt."""
    dist = settings.dist_dir.resolve()

    async def config(_request: Request) -> Response:
        return JSONResponse(dict(settings.config), headers={"cache-control": "no-cache", **_headers()})

    async def page(request: Request) -> Response:
        name = request.path_params["path"]
        if not (dist / "index.html").is_file():
            return _message(503, "La page n'est pas construite", "Lancez « make setup », puis rechargez.")
        file = (dist / name).resolve()
        if name and file.is_relative_to(dist) and file.is_file() and file.name != "index.html":
            # Vite met l'empreinte du contenu dans le nom des fichiers de assets/.
            cache = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"cache-control": cache, **_headers()})
        if "." in name.rpartition("/")[2]:
            return _message(404, "Fichier introuvable", "Cette adresse ne mène à rien.")
        nonce = secrets.token_urlsafe(16)
        text = await asyncio.to_thread((dist / "index.html").read_text, "utf-8")
        return HTMLResponse(text.replace(NONCE, nonce), headers={"cache-control": "no-cache", **_headers(nonce)})

    return Starlette(
        routes=[
            Route("/config.json", config, methods=["GET"]),
            Route("/{path:path}", page, methods=["GET"]),
        ]
    )


def _headers(nonce: str = "") -> dict[str, str]:
    allowed = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src {allowed}; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }


def _message(status: int, title: str, advice: str) -> Response:
    body = f'<!doctype html><html lang="fr"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{advice}</p>'
    return HTMLResponse(body, status_code=status, headers=_headers())


class _Server(uvicorn.Server):
    """Serveur dont les signaux sont à nous."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def run(settings: WebSettings) -> None:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def parent_gone() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    watch_parent(parent_gone)
    server = _Server(
        uvicorn.Config(
            create_app(settings),
            uds=str(settings.socket_path),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            backlog=_BACKLOG,
            timeout_graceful_shutdown=max(1, round(settings.stop_grace)),
        )
    )
    previous = os.umask(0o177)  # la prise naît en 0600
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        os.umask(previous)
        server.should_exit = True
        await serving
        stopping.cancel()
        settings.socket_path.unlink(missing_ok=True)
