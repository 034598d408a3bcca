"""Attendre ce qui doit venir : l'événement lui-même, jamais une durée."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Secondes d'attente d'un événement qui doit venir. Aucun essai n'éprouve cette durée : seul un produit bloqué l'atteint, et
une machine très chargée n'en approche pas."""


async def until(condition: Callable[[], bool], what: str = "la condition attendue") -> None:
    """Attend qu'une condition soit vraie.

    Raises:
        AssertionError: elle ne l'a jamais été.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"jamais vrai : {what}") from None


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Comme `until`, hors d'une boucle.

    Raises:
        AssertionError: la condition n'a jamais été vraie.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"jamais vrai : {what}"
        time.sleep(0.02)


async def soon(awaitable: Awaitable[T]) -> T:
    """Ce que rend `awaitable`, qui doit finir.

    Raises:
        TimeoutError: il n'a pas fini.
    """
    async with asyncio.timeout(PATIENCE):
        return await awaitable
