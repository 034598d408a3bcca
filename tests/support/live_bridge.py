"""Le processus du tableau de bord sur sa prise, devant un faux direct, pour les essais du WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed

from server.domain import Limits
from server.named_keys import KeyTable
from server.web.main import WebSettings, serving
from tests.fakes.live import FakeLive, serving_live
from tests.support.waiting import PATIENCE

CONFIG: dict[str, Any] = {
    "config": {"audio_format": {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 48000}, "language": "fr"}
}


class Bridge:
    """Le processus du tableau de bord, sur sa prise, devant un faux direct."""

    def __init__(self, path: Path, fake: FakeLive) -> None:
        self.path = path
        self.fake = fake

    def connect(self, **options: Any) -> Any:
        """WebSocket ouvert ; `uri`, `origin` et les autres options sont celles de websockets."""
        options = {"uri": "ws://page/ws/transcribe", "compression": None} | options
        return unix_connect(str(self.path), **options)


@asynccontextmanager
async def bridge(
    folder: Path, *, keys: tuple[str, ...] = (), named: KeyTable | None = None, **changed: Any
) -> AsyncIterator[Bridge]:
    """Tout ce qu'il faut ; `changed` change les limites."""
    path = folder / "page.sock"
    settings = WebSettings(
        socket_path=path,
        dist_dir=folder,
        config={},
        stop_grace=2.0,
        grpc_address=f"unix:{folder / 'grpc.sock'}",
        limits=replace(Limits(), **changed),
        openai_keys=keys,
        named_keys=named,
        allowed_origins=("https://ami.example",),
    )
    async with serving_live(folder / "grpc.sock", keys) as (fake, _):
        async with serving(settings):
            yield Bridge(path, fake)


async def start(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps({"type": "config", "config": CONFIG} | fields))


async def until_closed(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Événements jusqu'à la fermeture, et son code."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                events.append(json.loads(await socket.recv()))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return events, closed.rcvd.code
