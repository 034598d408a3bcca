"""Le bout de la liaison qui est dans un front : il envoie les requêtes, et donne à chacune ce qui lui revient."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from passerelle.worker.v1 import link_pb2

from server.errors import PasserelleError, PayloadTooLarge, QueueFull, WorkerLost
from server.link.call import LinkCall
from server.link.framing import LINK_VERSION, FrameConnection, from_failure, to_failure

SILENT_SECONDS = 5.0
"""Silence au bout duquel un exemplaire, qui annonce sa charge chaque seconde, est tenu pour figé."""


class WorkerLoad(NamedTuple):
    """Charge annoncée par un exemplaire ; un tuple, car chaque trame en apporte une."""

    running: int = 0
    waiting: int = 0
    max_running: int = 0
    max_waiting: int = 0
    steps: int = 0
    asleep: bool = False


class LinkClient:
    """Liaison d'un front vers une prise d'exemplaire."""

    def __init__(
        self, name: str, max_frame_bytes: int, request_buffer_bytes: int, on_load: Callable[[], None] | None = None
    ) -> None:
        self._connection = FrameConnection(max_frame_bytes, self._on_frame, self._on_lost)
        self._name = name
        self._max_frame_bytes = max_frame_bytes
        self._request_buffer_bytes = request_buffer_bytes
        self._on_load = on_load
        self._peer_max_frame = max_frame_bytes
        self._calls: dict[int, LinkCall] = {}
        self._next_id = 0
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving = False
        self.load = WorkerLoad()
        self.peer = ""
        """Nom de l'exemplaire."""

    @classmethod
    async def connect(
        cls,
        path: str,
        name: str,
        *,
        max_frame_bytes: int,
        request_buffer_bytes: int,
        on_load: Callable[[], None] | None = None,
    ) -> "LinkClient":
        """Ouvre une liaison ; `on_load` suit chaque changement du nombre de requêtes de l'exemplaire.

        Raises:
            OSError: personne n'écoute.
            WorkerLost: version différente, ou prise refermée aussitôt.
        """
        client = cls(name, max_frame_bytes, request_buffer_bytes, on_load)
        await asyncio.get_running_loop().create_unix_connection(lambda: client._connection, path)
        hello = link_pb2.Hello(version=LINK_VERSION, name=name, max_frame_bytes=max_frame_bytes)
        client._connection.send(link_pb2.Frame(hello=hello))
        try:
            await client._greeted
        except BaseException:
            client._connection.abort("liaison non établie")
            raise
        return client

    @property
    def closed(self) -> bool:
        """Vrai si aucune requête ne peut plus partir."""
        return self._leaving or self._connection.closed.is_set()

    @property
    def silent(self) -> bool:
        """Vrai si l'exemplaire ne dit plus rien : figé, ou débordé ; il peut revenir."""
        return time.monotonic() - self._connection.heard_at > SILENT_SECONDS

    async def wait_closed(self) -> None:
        """Attend la fin de la liaison."""
        await self._connection.closed.wait()

    async def aclose(self) -> None:
        """Ferme la liaison ; les requêtes en cours sont perdues."""
        self._connection.close("fermée par le front")

    def submit(
        self,
        kind: "link_pb2.RequestKind",
        payload: bytes,
        *,
        stream: bool,
        request_id: str,
        timeout: float | None = None,
        spool_name: str = "",
        whole_buffer: bool = False,
        caller: str = "",
        weight: int = 1,
        parts: int = 1,
        token: tuple[int, str] = (0, ""),
        trace: tuple[str, str] = ("", ""),
        clip_names: Sequence[str] = (),
    ) -> LinkCall:
        """Envoie une requête.

        Args:
            timeout: secondes avant l'abandon par l'exemplaire ; `None` sans limite.
            whole_buffer: laisse attendre jusqu'à une trame entière, pour un flux dont la fin est un gros résultat.
            caller: étiquette de l'appelant ; la file de l'exemplaire est équitable entre eux.
            weight: places du moteur que prend chaque partie.
            parts: textes de départ d'une complétion.
            token: plus grand jeton que la requête nomme par son numéro, et son champ.
            trace: place de la requête dans une trace, et son état, à la forme W3C.
            clip_names: extraits de voix, dans la réserve.

        Raises:
            WorkerLost: liaison fermée.
            PayloadTooLarge: requête plus grande que la trame admise.
            QueueFull: l'exemplaire ne lit plus, et ce qui l'attend déjà dépasse une trame.
        """
        if self.closed:
            raise _lost()
        if self._connection.buffered > self._max_frame_bytes:
            raise QueueFull(
                f"Le modèle ne lit plus ses requêtes : {self._connection.buffered} octets l'attendent.",
                metadata={"limit": str(self._max_frame_bytes), "value": str(self._connection.buffered)},
                retry_after=1.0,
            )
        if len(payload) + 4096 > self._peer_max_frame:
            raise PayloadTooLarge(
                f"La requête de {len(payload)} octets dépasse la limite de {self._peer_max_frame - 4096}.",
                metadata={"limit": str(self._peer_max_frame - 4096), "value": str(len(payload))},
            )
        # Une réponse entière arrive d'un bloc : seul un flux peut laisser grossir son tampon.
        small = stream and not whole_buffer
        call = self._open_call(self._request_buffer_bytes if small else self._max_frame_bytes)
        submit = link_pb2.Submit(
            id=self._next_id,
            kind=kind,
            stream=stream,
            request_id=request_id,
            spool_name=spool_name,
            timeout_seconds=timeout or 0.0,
            caller=caller,
            weight=weight,
            parts=parts,
            largest_token=token[0],
            token_field=token[1],
            traceparent=trace[0],
            tracestate=trace[1],
            clip_names=clip_names,
        )
        self._connection.send_submit(submit, payload)
        return call

    async def sleep(self, level: int, grace: float) -> None:
        """Endort le moteur, une fois finies ses requêtes en cours.

        Raises:
            UnsupportedOption: le moteur ne sait pas dormir.
            InvalidState: des requêtes durent encore après `grace` secondes.
            WorkerLost: liaison fermée.
        """
        call = self._open_call(self._max_frame_bytes)
        sleep = link_pb2.Sleep(id=self._next_id, level=level, grace_seconds=grace)
        self._connection.send(link_pb2.Frame(sleep=sleep))
        await call.ended()

    async def wake(self) -> None:
        """Réveille le moteur ; sans effet s'il ne dort pas.

        Raises:
            EngineFailed: le moteur ne s'est pas réveillé.
            WorkerLost: liaison fermée.
        """
        call = self._open_call(self._max_frame_bytes)
        self._connection.send(link_pb2.Frame(wake=link_pb2.Wake(id=self._next_id)))
        await call.ended()

    async def parting(self, error: PasserelleError, *, now: bool) -> None:
        """Dit à l'exemplaire, qui va s'arrêter, ce que ses requêtes interrompues recevront ; `now` les interrompt.

        Raises:
            WorkerLost: liaison fermée.
        """
        call = self._open_call(self._max_frame_bytes)
        parting = link_pb2.Parting(id=self._next_id, failure=to_failure(0, error), now=now)
        self._connection.send(link_pb2.Frame(parting=parting))
        await call.ended()

    async def measures(self) -> bytes:
        """Mesures de l'exemplaire : un `Measures` sérialisé.

        Raises:
            WorkerLost: liaison fermée.
        """
        call = self._open_call(self._max_frame_bytes)
        self._connection.send(link_pb2.Frame(measure=link_pb2.Measure(id=self._next_id)))
        async with call:
            return b"".join([item async for items in call for item in items])

    def _open_call(self, buffer_bytes: int) -> LinkCall:
        if self.closed:
            raise _lost()
        self._next_id += 1
        call = self._calls[self._next_id] = LinkCall(self, self._next_id, buffer_bytes)
        return call

    def drop(self, request_id: int) -> None:
        """Oublie une requête et prévient l'exemplaire."""
        if self._calls.pop(request_id, None) is not None:
            self._connection.send(link_pb2.Frame(cancel=link_pb2.Cancel(id=request_id)))

    def send_input(self, request_id: int, data: bytes, *, last: bool) -> None:
        """Envoie un morceau d'un flux d'entrée."""
        self._connection.send(link_pb2.Frame(input=link_pb2.InputChunk(id=request_id, data=data, last=last)))

    def _on_frame(self, frame: link_pb2.Frame) -> None:
        match frame.WhichOneof("body"):
            case "output":
                self._on_output(frame.output)
            case "failure":
                call = self._calls.pop(frame.failure.id, None)
                if call is not None:
                    call.fail(from_failure(frame.failure))
            case "credit":
                call = self._calls.get(frame.credit.id)
                if call is not None:
                    call.credit(frame.credit.bytes)
            case "load":
                self._set_load(frame.load)
            case "hello":
                self._on_hello(frame.hello)
            case "goodbye":
                # Tout ce qui est parti d'ici précède cette réponse : l'exemplaire saura qu'il a tout reçu.
                self._leaving = True
                self._connection.send(link_pb2.Frame(goodbye=link_pb2.Goodbye()))
            case other:
                self._connection.abort(f"trame inattendue : {other}")

    def _on_output(self, output: link_pb2.StepOutput) -> None:
        now = time.monotonic()
        self._set_load(output.load)
        for request_id, seconds in zip(output.entered, output.waited, strict=True):
            if (call := self._calls.get(request_id)) is not None:
                call.waited = seconds
        for request_id, data, done in zip(output.ids, output.data, output.done, strict=True):
            call = self._calls.pop(request_id, None) if done else self._calls.get(request_id)
            if call is not None:
                call.receive(data, done, now)

    def _on_hello(self, hello: link_pb2.Hello) -> None:
        if self._greeted.done():
            return
        if hello.version != LINK_VERSION:
            self._greeted.set_exception(
                WorkerLost(f"L'exemplaire parle la version {hello.version} de la liaison, ce front la {LINK_VERSION}.")
            )
            return
        self._peer_max_frame = min(self._max_frame_bytes, hello.max_frame_bytes or self._max_frame_bytes)
        self.peer = hello.name
        self._set_load(hello.load)
        self._greeted.set_result(None)

    def _set_load(self, load: link_pb2.Load) -> None:
        before = self.load
        self.load = WorkerLoad(load.running, load.waiting, load.max_running, load.max_waiting, load.steps, load.asleep)
        if self._on_load is not None and (before.running, before.waiting) != (load.running, load.waiting):
            self._on_load()

    def _on_lost(self, reason: str) -> None:
        if not self._greeted.done():
            self._greeted.set_exception(WorkerLost(f"L'exemplaire a refermé la liaison : {reason}."))
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(_lost())


def _lost() -> WorkerLost:
    return WorkerLost(
        "Le processus du modèle a disparu pendant la requête ; vous pouvez la refaire sans danger.", retry_after=1.0
    )
