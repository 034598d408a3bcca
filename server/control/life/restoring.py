"""Le retour, au démarrage, des modèles que l'exploitant veut chargés.

Tous commencent aussitôt, le dernier demandé d'abord : les GPU ont leur tour (`gpu/turns.py`), le processeur aussi. Un
verbe de l'exploitant y met fin ; quelques échecs aussi, et cela se dit, sans retenir le serveur plus longtemps.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from server.control.life.choices import LoadOrder
from server.control.life.model import ManagedModel
from server.control.life.state import ModelState, ModelTools
from server.control.record.desired import RETURN, Return
from server.control.record.operations import Failure, Operation, OperationKind, OperationState
from server.errors import InvalidRequest, ModelNotDownloaded, PasserelleError, ShuttingDown

logger = logging.getLogger(__name__)

_HOPELESS = (InvalidRequest.reason, ModelNotDownloaded.reason)
"""Refus qu'un essai de plus ne changera pas."""


class Restorer:
    """Ramène les modèles, chacun dans sa tâche."""

    def __init__(self, tools: ModelTools) -> None:
        self.given_up: dict[str, Failure] = {}
        """Modèles qui ne sont pas revenus, et pourquoi."""
        self._outdated: set[str] = set()
        self.left: set[str] = set()
        """Modèles partis avant que ce plan de contrôle ne soit relancé ; il ne les rappelle pas."""
        self._tools = tools
        self._returns: dict[str, Return] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def pending(self) -> list[str]:
        """Modèles dont le retour n'est pas fini."""
        return list(self._tasks)

    def renew(self, model: ManagedModel) -> None:
        """Retient qu'un modèle sert encore selon un profil changé depuis : son retour commencera par son départ."""
        self._outdated.add(model.spec.key)

    def start(self, models: Iterable[ManagedModel], kept: Mapping[str, Any], *, load_all: bool) -> None:
        """Commence le retour de tous ; `load_all` : de ceux que personne n'a demandés aussi."""
        wanted = [
            model
            for model in models
            if load_all or model.wanted.desired is not None or model.spec.key in self._outdated
        ]
        for model in sorted(wanted, key=_rank):
            key = model.spec.key
            found = self._returns[key] = Return.of(kept.get(f"{RETURN}{key}")).at(self._tools.life)
            if not found.resting or key in self._outdated:
                self._begin(model)
            elif found.failure is not None:
                self.given_up[key] = model.last_failure = found.failure
            else:
                self.left.add(key)

    def drop(self, model: ManagedModel) -> None:
        """Met fin au retour d'un modèle, dont l'exploitant vient de décider ; l'opération en cours n'y perd rien."""
        key = model.spec.key
        self.given_up.pop(key, None)
        self.left.discard(key)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
        if self._returns.pop(key, None) is not None:
            self._tools.journal.choose(f"{RETURN}{key}", None)

    @asynccontextmanager
    async def aside(self, model: ManagedModel, order: LoadOrder) -> AsyncIterator[None]:
        """Laisse passer un chargement que l'exploitant demande ; refusé, il n'a rien changé au retour.

        Raises:
            PasserelleError: l'ordre ne peut pas être suivi.
        """
        task = self._tasks.get(model.spec.key)
        operation = model.operation
        if task is not None and operation is not None and operation.kind is OperationKind.LOAD and order != LoadOrder():
            model.foresee(order)
            task.cancel()
            await model.cancel(operation)
        elif task is not None:
            task.cancel()
        try:
            yield
        except BaseException:
            if task is not None:
                self._begin(model)
            raise
        self.drop(model)

    async def aclose(self) -> None:
        """Abandonne ce qui revient ; un essai qu'un arrêt demandé interrompt ne compte pas."""
        pending = list(self._tasks.items())
        for _, task in pending:
            task.cancel()
        await asyncio.gather(*(task for _, task in pending), return_exceptions=True)
        for key, _ in pending:
            self._keep(key, replace(self._returns[key], broken_off=False))

    def _begin(self, model: ManagedModel) -> None:
        key = model.spec.key
        task = self._tasks[key] = asyncio.create_task(self._bring(model))

        def over(done: "asyncio.Task[None]") -> None:
            if self._tasks.get(key) is done and not done.cancelled():
                del self._tasks[key]
            if not done.cancelled() and (error := done.exception()) is not None:
                logger.error("restore_crashed", extra={"model": key}, exc_info=error)
            self._tools.changes.notify()

        task.add_done_callback(over)

    async def _bring(self, model: ManagedModel) -> None:
        key = model.spec.key
        if key in self._outdated:
            await _leave(model)
            self._outdated.discard(key)
            if model.wanted.desired is None:
                return
        while not _back(model):
            failure = await self._try(model) if model.operation is None else await _outcome(model.operation)
            if failure is None:
                continue
            if failure.reason in _HOPELESS or self._returns[key].tries >= self._tools.restore_attempts:
                self._give_up(model, failure)
                return
            await self._tools.sleep(self._tools.restore_pause * 2 ** max(0, self._returns[key].tries - 1))
            await self._tools.gpus.refresh()
        self._keep(key, Return(self._tools.life))
        if model.wanted.desired is not None and model.wanted.desired.asleep and model.state is ModelState.READY:
            await _outcome(model.sleep(model.wanted.desired.asleep))

    async def _try(self, model: ManagedModel) -> Failure | None:
        """Un essai ; rend son échec."""
        key = model.spec.key
        found = self._returns[key]
        if found.tries >= self._tools.restore_attempts:
            return Failure.of(ShuttingDown("Le serveur s'est arrêté pendant qu'il s'ouvrait."))
        self._keep(key, replace(found, tries=found.tries + 1, broken_off=True))
        # Écrit avant l'essai : s'il emporte la machine, il aura compté.
        await self._tools.journal.settled()
        try:
            return await _outcome(model.bring_back())
        except PasserelleError as error:
            model.last_failure = Failure.of(error)
            return model.last_failure
        finally:
            if key in self._returns:
                self._keep(key, replace(self._returns[key], broken_off=False))

    def _give_up(self, model: ManagedModel, failure: Failure) -> None:
        key, tries = model.spec.key, self._returns[model.spec.key].tries
        after = f"Il n'est pas revenu au démarrage, après {tries} essai{'s' * (tries > 1)}"
        shown = replace(failure, message=f"{failure.message} {after} : rechargez-le quand la cause est réglée.")
        self.given_up[key] = model.last_failure = shown
        self._keep(key, Return(self._tools.life, tries, resting=True, failure=shown))
        logger.error("model_not_restored", extra={"model": key, "reason": failure.reason, "tries": tries})

    def _keep(self, key: str, found: Return) -> None:
        self._returns[key] = found
        nothing = found == Return(self._tools.life)
        self._tools.journal.choose(f"{RETURN}{key}", None if nothing else found.kept())


def _rank(model: ManagedModel) -> tuple[bool, float]:
    """Les épinglés d'abord, puis le dernier demandé : c'est lui qui a pris la place des autres."""
    return not model.choices.pinned, -model.wanted.desired.at if model.wanted.desired is not None else 0.0


def _back(model: ManagedModel) -> bool:
    """Vrai si tout ce qui est voulu est là, endormi compris."""
    if model.operation is not None:
        return False
    wanted = len(model.wanted.desired.seats) if model.wanted.desired is not None else 1
    return model.state is ModelState.ASLEEP or len(model.replicas) >= wanted


async def _leave(model: ManagedModel) -> None:
    """Décharge un modèle dont le profil a changé, une fois finie l'opération en cours ; ses requêtes finissent."""
    while model.operation is not None:
        await _outcome(model.operation)
    await _outcome(model.unload(why="pour prendre son nouveau réglage"))


async def _outcome(operation: Operation) -> Failure | None:
    """Échec d'une opération, une fois finie."""
    await operation.done.wait()
    # Elle n'est plus celle du modèle un tour de boucle après.
    await asyncio.sleep(0)
    if operation.state is OperationState.CANCELLED:
        return Failure.of(ShuttingDown(f"Son chargement a été annulé ({operation.id})."))
    return operation.failure
