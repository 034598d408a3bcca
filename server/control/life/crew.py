"""Les exemplaires d'un modèle : les ouvrir, les fermer, les endormir, les réveiller."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from server.control.gpu.lessor import Lessor, Tenancy
from server.control.gpu.needs import GIB
from server.control.gpu.release import Freed
from server.control.life.replicas import OnPhase, Replica, ReplicaHost
from server.domain import ModelSpec
from server.errors import ModelLoadFailed, PasserelleError

logger = logging.getLogger(__name__)


class Crew:
    """Exemplaires prêts d'un modèle."""

    def __init__(self, host: ReplicaHost, lessor: Lessor, changed: Callable[[], None]) -> None:
        self.ready: list[Replica] = []
        self.resting = False
        """Vrai du début d'un endormissement à la fin du réveil : plus rien ne leur est envoyé."""
        self._host = host
        self._lessor = lessor
        self._changed = changed

    @property
    def gpus(self) -> tuple[int, ...]:
        """GPU tenus, exemplaire par exemplaire."""
        return tuple(gpu for one in self.ready for gpu in one.gpus)

    async def open(self, spec: ModelSpec, held: Tenancy, on_phase: OnPhase) -> None:
        """Ouvre un exemplaire à chaque place ; un seul échec, ou une annulation, renonce à tous.

        Raises:
            ModelLoadFailed: l'un d'eux ne s'est pas ouvert.
        """
        meta = self._lessor.meta
        self.ready += await _together(
            [self._host.start(spec, seat.index, seat.gpus, on_phase, meta(seat)) for seat in held.occupy()]
        )
        self.ready.sort(key=lambda one: one.index)

    async def reattach(self, processes: Sequence[Mapping[str, Any]]) -> bool:
        """Reprend des exemplaires qui tournaient déjà, s'ils sont tous ouverts et répondent tous ; sinon aucun."""
        if not all(self._host.is_ready(process["name"]) for process in processes):
            return False
        attaching = [self._host.reattach(process, _ignore) for process in processes]
        found = await asyncio.gather(*attaching, return_exceptions=True)
        opened = [one for one in found if isinstance(one, Replica)]
        if len(opened) == len(found):
            self._retake(opened)
            return True
        # Un exemplaire figé en même temps que nous tombions : le plan de contrôle doit servir sans l'attendre.
        logger.warning(
            "replicas_not_reattached",
            extra={"replicas": [process["name"] for process in processes], "errors": str(found)},
        )
        for replica in opened:
            await replica.link.aclose()
        return False

    async def wait_for(self, processes: Sequence[Mapping[str, Any]], on_phase: OnPhase) -> None:
        """Reprend des exemplaires qui tournaient déjà, une fois ouverts ; un seul échec renonce à tous."""
        self._retake(await _together([self._host.reattach(process, on_phase) for process in processes]))

    def lose(self, lost: Replica) -> None:
        """Raye un exemplaire disparu ; son bail reste."""
        self.ready.remove(lost)
        self.resting = self.resting and bool(self.ready)

    async def close(self, leaving: Sequence[Replica], grace: float, parting: PasserelleError) -> Freed:
        """Retire des exemplaires : leur route d'abord, puis leurs requêtes, leur processus, leur mémoire.

        `parting` est ce que reçoivent les requêtes interrompues après `grace` secondes, ou aussitôt.
        """
        self.ready = [one for one in self.ready if one not in leaving]
        self.resting = self.resting and bool(self.ready)
        self._changed()

        async def announce() -> None:
            await asyncio.gather(*(self._host.parting(one, parting, now=grace <= 0) for one in leaving))

        # Annuler n'arrête pas un départ commencé : les baux suivent la mémoire.
        freed = await asyncio.shield(self._lessor.leave([one.id for one in leaving], grace, announce))
        for one in leaving:
            await one.link.aclose()
        return freed

    async def sleep(self, spec: ModelSpec, level: int, grace: float, on_phase: OnPhase) -> Freed:
        """Endort tous les exemplaires ; un seul refus les réveille tous.

        Raises:
            UnsupportedOption: le moteur ne sait pas dormir.
            InvalidState: des requêtes durent encore après `grace` secondes.
        """
        board, began = self._lessor.board, self._lessor.board.clock()
        await board.refresh()
        before = self._used()
        self.resting = True
        on_phase("draining")
        try:
            await asyncio.gather(*(self._host.sleep(one, level, grace) for one in self.ready))
        except BaseException:
            await asyncio.gather(*(self._host.wake(one) for one in self.ready), return_exceptions=True)
            self.resting = False
            raise
        for one in self.ready:
            one.asleep = True
        # Un exemplaire endormi garde son contexte.
        self._lessor.shrink([one.id for one in self.ready], round(spec.memory.reserve_gib * GIB))
        await board.refresh()
        return Freed(max(0, before - self._used()), board.clock() - began)

    async def wake(self) -> None:
        """Réveille tous les exemplaires, dont les baux entiers sont déjà repris.

        Raises:
            EngineFailed: l'un d'eux ne s'est pas réveillé ; il dort encore.
        """
        await asyncio.gather(*(self._host.wake(one) for one in self.ready))
        for one in self.ready:
            one.asleep = False
        self.resting = False

    async def aclose(self) -> None:
        """Referme les liaisons ; les exemplaires restent en marche."""
        for one in self.ready:
            await one.link.aclose()

    def _retake(self, opened: Sequence[Replica]) -> None:
        self.ready = sorted(opened, key=lambda one: one.index)
        self.resting = any(one.asleep for one in self.ready)

    def _used(self) -> int:
        return sum(reading.used_bytes for gpu, reading in self._lessor.board.readings.items() if gpu in self.gpus)


def _ignore(_phase: str) -> None:
    pass


async def _together(starting: Sequence[Coroutine[Any, Any, Replica]]) -> list[Replica]:
    tasks = [asyncio.create_task(one) for one in starting]
    try:
        opened = list(await asyncio.gather(*tasks))
        fallen = [one.id for one in opened if one.link.closed]
        if fallen:
            raise ModelLoadFailed(f"{', '.join(fallen)} est tombé pendant que les autres s'ouvraient.")
        return opened
    except BaseException:
        for task in tasks:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Replica):
                await done.link.aclose()
        raise
