"""Les appels que font plusieurs essais d'un front, et ce qui les retient."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc.aio
from passerelle.control.v1 import control_pb2
from passerelle.v1 import chat_pb2, rest_pb2

from tests.support.front_rig import WORDS, Rig, answer, body, typed
from tests.support.waiting import PATIENCE

TEXT = "".join(WORDS)
WAYS = ("rest", "rest-stream", "typed", "typed-stream")
"""Noms des façons d'appeler."""


def gate(rig: Rig, *, after: int = 0) -> asyncio.Event:
    """Arrête le moteur avant son pas `after`, jusqu'à ce que l'événement soit levé."""
    opened = asyncio.Event()

    async def step(index: int) -> None:
        if index >= after:
            await opened.wait()

    rig.engine.step = step
    return opened


def calls(rig: Rig) -> dict[str, Callable[[], Any]]:
    """Une façon d'appeler par forme."""
    return {
        "rest": lambda: rig.rest.CreateChatCompletion(body()),
        "rest-stream": lambda: rig.rest.CreateChatCompletion(body(stream=True)),
        "typed": lambda: rig.chat.Chat(typed()),
        "typed-stream": lambda: rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed())),
    }


async def consume(call: Any) -> None:
    """Lit tout ce qu'un appel rend ; abandonnée, elle annule l'appel."""
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for _ in call:
                pass
        else:
            await call
    finally:
        # Annulée entre deux lectures, la tâche laisserait grpc.aio tenir l'appel ouvert : le client ne serait pas parti.
        call.cancel()


async def never(_key: str, _timeout: float) -> control_pb2.ModelRoute:
    """Un chargement qui ne finit pas."""
    await asyncio.Event().wait()
    raise AssertionError


async def listed(rig: Rig, key: str) -> None:
    """Attend que le front ait reçu les routes où se trouve ce modèle."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, _, _, data = await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest()))
            assert status == 200
            if key in data.decode():
                return
            await asyncio.sleep(0.01)
