"""Le bout de la liaison qui est dans l'exemplaire.

Ce que toutes les requêtes d'un front produisent en un tour de boucle part en une trame, en colonnes. Rien n'attend
ici : un front qui ne lit plus perd sa liaison quand son tampon déborde, et le moteur n'en sait rien.
"""

import asyncio
import contextlib
import logging
import os
from typing import Protocol

from passerelle.worker.v1 import link_pb2

from server.errors import EngineFailed, PasserelleError
from server.link.framing import LINK_VERSION, FrameConnection, to_failure
from server.pace import Pace

logger = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 1.0
_ANNOUNCE_SECONDS = 0.1


class LinkHandler(Protocol):
    """Ce que l'exemplaire fait des trames reçues."""

    def load(self) -> link_pb2.Load:
        """Charge de cet instant."""

    def submit(self, link: "FrontLink", request: link_pb2.Submit) -> None:
        """Nouvelle requête."""

    def input(self, link: "FrontLink", chunk: link_pb2.InputChunk) -> None:
        """Suite d'une requête qui envoie un flux, peut-être déjà finie."""

    def cancel(self, link: "FrontLink", request_id: int) -> None:
        """Abandon d'une requête, peut-être déjà finie."""

    def sleep(self, link: "FrontLink", request: link_pb2.Sleep) -> None:
        """Endormissement du moteur."""

    def wake(self, link: "FrontLink", request: link_pb2.Wake) -> None:
        """Réveil du moteur."""

    def parting(self, link: "FrontLink", request: link_pb2.Parting) -> None:
        """Départ voulu."""

    def measure(self, link: "FrontLink", request: link_pb2.Measure) -> None:
        """Demande des mesures."""

    def lost(self, link: "FrontLink") -> None:
        """Front perdu : ses requêtes n'ont plus de lecteur."""


class FrontLink:
    """Liaison d'un front, vue de l'exemplaire."""

    def __init__(self, server: "LinkServer") -> None:
        self._server = server
        self.connection = FrameConnection(server.max_frame_bytes, self._on_frame, self._on_lost)
        self.name = ""
        self.quiet = asyncio.Event()
        """Mis quand le front n'enverra plus de requête."""
        self._peer_max_frame = server.max_frame_bytes
        self._ids: list[int] = []
        self._data: list[bytes] = []
        self._done: list[bool] = []
        self._entered: list[tuple[int, float]] = []
        self._scheduled = False

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Ajoute une sortie à la trame de ce tour de boucle."""
        self._ids.append(request_id)
        self._data.append(data)
        self._done.append(done)
        self._soon()

    def entered(self, request_id: int, waited: float) -> None:
        """Une requête qui attendait depuis `waited` secondes entre dans le moteur."""
        self._entered.append((request_id, waited))
        self._soon()

    def fail(self, request_id: int, error: PasserelleError) -> None:
        """Termine une requête par une erreur, après ses sorties."""
        self._flush()
        self.connection.send(link_pb2.Frame(failure=to_failure(request_id, error)))

    def give_back(self, request_id: int, size: int) -> None:
        """Rend au front la place de `size` octets de son flux d'entrée."""
        self.connection.send(link_pb2.Frame(credit=link_pb2.Credit(id=request_id, bytes=size)))

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._entered:
            entered, self._entered = self._entered, []
            told = link_pb2.StepOutput(
                entered=[number for number, _ in entered],
                waited=[seconds for _, seconds in entered],
                load=self._server.handler.load(),
            )
            self.connection.send(link_pb2.Frame(output=told))
        if not self._ids:
            return
        ids, data, done = self._ids, self._data, self._done
        self._ids, self._data, self._done = [], [], []
        for first, last in self._slices(data):
            output = link_pb2.StepOutput(
                ids=ids[first:last], data=data[first:last], done=done[first:last], load=self._server.handler.load()
            )
            self.connection.send(link_pb2.Frame(output=output))
        if self.connection.buffered > self._server.outbox_bytes:
            logger.error("link_outbox_full", extra={"front": self.name, "limit": self._server.outbox_bytes})
            self.connection.abort("front trop lent : tampon plein")

    def _slices(self, data: list[bytes]) -> list[tuple[int, int]]:
        """Bornes des trames, pour qu'aucune ne dépasse la limite du front."""
        budget = self._peer_max_frame - 4096
        if sum(map(len, data)) + 16 * len(data) <= budget:
            return [(0, len(data))]
        slices, first, size = [], 0, 0
        for index, item in enumerate(data):
            if index > first and size + len(item) + 16 > budget:
                slices.append((first, index))
                first, size = index, 0
            size += len(item) + 16
            if len(item) + 16 > budget:
                raise EngineFailed(
                    f"La réponse de {len(item)} octets dépasse la limite de la liaison ({budget} octets).",
                    metadata={"limit": str(budget), "value": str(len(item))},
                )
        slices.append((first, len(data)))
        return slices

    def _on_frame(self, frame: link_pb2.Frame) -> None:
        match frame.WhichOneof("body"):
            case "submit" if self.name:
                self._server.handler.submit(self, frame.submit)
            case "input" if self.name:
                self._server.handler.input(self, frame.input)
            case "cancel" if self.name:
                self._server.handler.cancel(self, frame.cancel.id)
            case "sleep" if self.name:
                self._server.handler.sleep(self, frame.sleep)
            case "wake" if self.name:
                self._server.handler.wake(self, frame.wake)
            case "parting" if self.name:
                self._server.handler.parting(self, frame.parting)
            case "measure" if self.name:
                self._server.handler.measure(self, frame.measure)
            case "goodbye":
                self.quiet.set()
            case "hello":
                self._greet(frame.hello)
            case other:
                self.connection.abort(f"trame inattendue : {other}")

    def _greet(self, hello: link_pb2.Hello) -> None:
        answer = link_pb2.Hello(
            version=LINK_VERSION,
            name=self._server.name,
            max_frame_bytes=self._server.max_frame_bytes,
            load=self._server.handler.load(),
        )
        self.connection.send(link_pb2.Frame(hello=answer))
        if hello.version != LINK_VERSION:
            self.connection.close(f"version {hello.version} au lieu de {LINK_VERSION}")
            return
        self.name = hello.name or "front"
        self._peer_max_frame = hello.max_frame_bytes or self._server.max_frame_bytes
        self._server.links.add(self)
        if self._server.leaving:
            self.connection.send(link_pb2.Frame(goodbye=link_pb2.Goodbye(reason=self._server.leaving)))

    def _on_lost(self, reason: str) -> None:
        self.quiet.set()
        if self in self._server.links:
            self._server.links.discard(self)
            logger.info("link_closed", extra={"front": self.name, "reason": reason})
            self._server.handler.lost(self)


class LinkServer:
    """Prise Unix (0600) où les fronts se relient."""

    def __init__(
        self, handler: LinkHandler, *, name: str, max_frame_bytes: int, outbox_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self.handler = handler
        self.name = name
        self.max_frame_bytes = max_frame_bytes
        self.outbox_bytes = outbox_bytes
        self.links: set[FrontLink] = set()
        self.leaving = ""
        """Raison de la fin annoncée ; vide tant qu'elle ne l'est pas."""
        self._server: asyncio.Server | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self._path = ""
        self._announced = (0, 0)
        self._pace = Pace(self._announce, _ANNOUNCE_SECONDS)

    async def start(self, path: str) -> None:
        """Ouvre la prise."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: FrontLink(self).connection, path)
        os.chmod(path, 0o600)
        self._path = path
        self._heartbeat = asyncio.create_task(self._beat())

    def load_changed(self) -> None:
        """Une requête entre, sort ou attend : dit la charge, dix fois par seconde au plus.

        Le plan de contrôle ne reçoit aucune sortie : sans cela, il ne saurait qu'au battement suivant qui est servi.
        """
        self._pace.touch()

    def farewell(self, reason: str) -> None:
        """Prévient les fronts qu'aucune requête nouvelle ne sera admise."""
        self.leaving = reason
        for link in self.links:
            link.connection.send(link_pb2.Frame(goodbye=link_pb2.Goodbye(reason=reason)))

    async def last_requests(self, timeout: float) -> None:
        """Attend que chaque front prévenu ait dit qu'il n'enverra plus rien, au plus `timeout` secondes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await asyncio.gather(*(link.quiet.wait() for link in self.links))

    async def stop(self) -> None:
        """Ferme la prise et les liaisons, ce qui est écrit étant parti."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._pace.close()
        if self._server is not None:
            self._server.close()
        links = list(self.links)
        for link in links:
            link.connection.close("arrêt de l'exemplaire")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(link.connection.closed.wait() for link in links))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            self._send(self.handler.load())

    def _announce(self) -> None:
        load = self.handler.load()
        if (load.running, load.waiting) != self._announced:
            self._send(load)

    def _send(self, load: link_pb2.Load) -> None:
        self._announced = (load.running, load.waiting)
        frame = link_pb2.Frame(load=load)
        for link in self.links:
            link.connection.send(frame)
