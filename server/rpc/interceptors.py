"""L'intercepteur unique des serveurs gRPC : identifiant, clé, erreurs, journal, mesures.

Il vaut pour les quatre formes d'appel. Une `PasserelleError` devient un statut détaillé, ou une réponse HTTP complète
pour les méthodes qui rendent des HttpBody ; toute autre exception est consignée en entier et devient `INTERNAL`, sans
son texte. `CancelledError` passe intacte.
"""

import asyncio
import inspect
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import grpc.aio

from server.domain import Limits
from server.errors import DeadlineExceeded, InternalError, PasserelleError, RouteNotFound
from server.pace import Trickle
from server.rpc.admission import Admission
from server.rpc.audit import Auditor, Entry
from server.rpc.auth import REFUSED_KEYS, Guard, Metadata
from server.rpc.bodies import Bodies
from server.rpc.caller import Caller, announced_patience, caller, patience
from server.rpc.contract import AUDITED, FAMILIES, PROBES, WHOLE_BODIES
from server.rpc.deadline import margin
from server.rpc.http_body import (
    Family,
    LastBody,
    error_event,
    error_headers,
    error_response,
    is_event_stream,
    serialize,
)
from server.rpc.logs import KEPT_ID, log_call, request_id
from server.rpc.messages import Decoder, decoder
from server.rpc.metrics import RpcMetrics
from server.rpc.notes import REFUSAL_SECONDS, REFUSALS, SORTS, Note, Notes, Tracer, client_address, note
from server.rpc.quotas import METERED, Headers, Quotas, Ticket, response_headers, ticket
from server.rpc.status import DETAILS_KEY, codes, to_status
from server.rpc.timings import HEADER as TIMINGS
from server.rpc.timings import journal_values, server_timing
from server.shortage import shortage
from server.shown import shown

logger = logging.getLogger(__name__)

Handler = Any
"""`grpc.RpcMethodHandler` : une méthode et sa forme."""
Context = Any
"""`grpc.aio.ServicerContext`, sans paramètre de type : les quatre formes passent par ici."""

_DEADLINE_SLACK_SECONDS = 0.25
"""L'annulation que le client envoie à son échéance arrive quelques millisecondes avant celle du serveur."""


class ServiceInterceptor(grpc.aio.ServerInterceptor):
    """Enveloppe chaque méthode une fois, puis la garde."""

    def __init__(
        self,
        guard: Guard,
        metrics: RpcMetrics,
        *,
        limits: Limits | None = None,
        families: Mapping[str, Family] = FAMILIES,
        audit: Auditor | None = None,
        notes: Notes | None = None,
        quotas: Quotas | None = None,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        limits = limits or Limits()
        self._admission = Admission(guard, limits)
        self._bodies = Bodies(limits)
        self._metrics = metrics
        self._families = families
        self.audit = audit
        """Registre des appels qui changent l'état ; `None` dans un processus qui n'en mène pas."""
        self._notes = notes
        self._quotas = quotas
        self._tracer = tracer
        self._strangers = Trickle(REFUSALS, REFUSAL_SECONDS, clock)
        self._clock = clock
        self._wrapped: dict[str, Handler] = {}
        self._calls: set[_Call] = set()
        self.inflated_bytes = 0
        """Octets d'un message reçu compressé, une fois décompressé, au plus ; 0 : aucun ne l'est."""
        self.idle = asyncio.Event()
        """Levé quand aucun appel n'est en cours, les sondes mises à part."""
        self.idle.set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Méthode enveloppée, ou refus, sans rien lire, quand la clé ne convient pas ou qu'il y a trop d'appels."""
        method: str = handler_call_details.method
        metadata = handler_call_details.invocation_metadata or ()
        # gRPC mène la méthode dans cette même tâche : ce qui est dit ici y reste, sans que l'appel relise ses en-têtes.
        request_id.set(_request_id(metadata))
        if self._notes is not None and (sort := SORTS.get(method)) is not None:
            note.set(Note(sort, request_id.get(), client_address(metadata), self._clock()))
        known = self._wrapped.get(method)
        if known is None:
            found = await continuation(handler_call_details)
            if found is None:
                return self._refusal("unknown", _unknown(method))
            known = self._wrapped[method] = self._wrap(method, found)
        try:
            caller.set(self._guard.check(method, metadata))
            patience.set(announced_patience(metadata))
            self._admission.enter(method, metadata)
        except Exception as error:
            if isinstance(error, REFUSED_KEYS):
                # Sa valeur a été reconnue : le journal, la fenêtre et le registre disent qui est refusé.
                caller.set(Caller(error.metadata["key"], frozenset(), keyed=True))
            elif (
                isinstance(error, PasserelleError)
                and codes(error).grpc is grpc.StatusCode.UNAUTHENTICATED
                and not self._strangers.passes()
            ):
                note.set(None)
            # Même une garde qui se trompe : gRPC rendrait sinon au client la classe et le texte de l'exception.
            return self._refusal(method, error)
        return known

    def _wrap(self, method: str, handler: Handler) -> Handler:
        decode = decoder(handler.request_deserializer, self.inflated_bytes)
        serializer = serialize if method in self._families else handler.response_serializer
        # Les messages d'un flux sont lus par la méthode, donc dans l'appel ; un message seul, gRPC le lirait avant lui.
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streamed(method, handler.stream_stream), decode, serializer
            )
        if method in WHOLE_BODIES:
            # Le dernier message part avec le statut, en un envoi : il paie celui des en-têtes, que gRPC fait à part.
            return grpc.stream_unary_rpc_method_handler(
                self._streamed(method, handler.unary_stream, whole=True), decode, serializer
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streamed(method, handler.unary_stream, decode), None, serializer
            )
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), decode, serializer)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary, decode), None, serializer)

    def _unary(
        self, method: str, behavior: Callable[[Any, Context], Awaitable[Any]], decode: Decoder | None = None
    ) -> Any:
        async def handle(request: Any, context: Context) -> Any:
            call = _Call(self, method, context)
            with call:
                try:
                    await call.admitted()
                    message = call.about(decode(request) if decode else request)
                    response = await behavior(message, context)
                except asyncio.CancelledError:
                    if (interruption := call.interruption()) is None:
                        raise
                    await call.fail(interruption)
                except Exception as error:
                    await call.fail(error)
                call.messages = 1
                call.response = response
                if headers := call.headers():
                    await context.send_initial_metadata(headers)
                call.tell_timings()
            await call.kept()
            return response

        return handle

    def _streamed(
        self,
        method: str,
        behavior: Callable[[Any, Context], Any],
        decode: Decoder | None = None,
        *,
        whole: bool = False,
    ) -> Any:
        async def handle(request: Any, context: Context) -> Any:
            call = _Call(self, method, context, whole=whole)
            with call:
                try:
                    await call.admitted()
                    if whole:
                        request = await self._bodies.whole(request)
                    produced = behavior(call.about(decode(request) if decode else request), context)
                    if inspect.isawaitable(produced):
                        await produced
                    else:
                        await call.write_all(produced)
                    call.tell_timings()
                except asyncio.CancelledError:
                    if (interruption := call.interruption()) is None:
                        raise
                    await call.fail(interruption)
                except Exception as error:
                    await call.fail(error)
            await call.kept()
            return call.last

        return handle

    def _refusal(self, method: str, error: Exception) -> Handler:
        async def refuse(_request: Any, context: Context) -> None:
            call = _Call(self, method, context)
            with call:
                await call.fail(error)

        # Cette forme convient à toutes : aucun message n'est lu, et l'erreur part aussitôt.
        return grpc.stream_stream_rpc_method_handler(refuse, None, None)

    def enter(self, call: "_Call") -> None:
        """Un appel commence."""
        self._calls.add(call)
        self.idle.clear()

    def leave(self, call: "_Call") -> None:
        """Un appel est fini."""
        self._calls.discard(call)
        if not self._calls:
            self.idle.set()

    def end_calls(self, error: PasserelleError) -> None:
        """Termine par une erreur tous les appels en cours, où qu'ils en soient."""
        for call in self._calls:
            call.end(error)

    def family(self, method: str) -> Family | None:
        """Famille d'erreurs HTTP de la méthode ; `None` si elle parle gRPC."""
        return self._families.get(method)


class _Call:
    """Un appel, de son premier octet à sa ligne de journal."""

    def __init__(self, owner: ServiceInterceptor, method: str, context: Context, *, whole: bool = False) -> None:
        self._owner = owner
        self._method = method
        self._context = context
        self._code = "OK"
        self._reason = ""
        self._started = owner._clock()
        self._id = request_id.get()
        self._task = asyncio.current_task()
        self._ended: PasserelleError | None = None
        self._strike: asyncio.TimerHandle | None = None
        who = caller.get()
        self._key = {"key": who.id} if who.keyed else {}
        self.messages = 0
        self.last: Any = b""
        """Dernier message, à rendre avec le statut ; seul un corps reçu entier en a un."""
        self._whole, self._held = whole, False
        self._events = False
        self._audit = owner.audit if method in AUDITED else None
        self._message: Any = None
        self._begun: Entry | None = None
        self._written: Awaitable[None] | None = None
        self.response: Any = None
        self._note = note.get() if owner._notes is not None else None
        self._ticket: Ticket | None = None

    def __enter__(self) -> "_Call":
        self._owner._metrics.started(self._method)
        if self._method not in PROBES:
            self._owner.enter(self)
        if self._note is not None and self._owner._notes is not None:
            self._note.key, self._note.end = self._key.get("key", ""), self.end
            self._owner._notes.started(self._note)
            if self._owner._tracer is not None:
                self._note.trace = self._owner._tracer.begin(self._context.invocation_metadata() or ())
        if logger.isEnabledFor(logging.DEBUG) and self._method not in PROBES:
            logger.debug("rpc_started", extra={"method": self._method, **self._key, **self._client()})
        seconds = self._context.time_remaining()
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._strike = loop.call_later(max(0.0, seconds - margin(seconds)), self._late, seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._disarm()
        self._owner.leave(self)
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            remaining = self._context.time_remaining()
            self._code = (
                "DEADLINE_EXCEEDED" if remaining is not None and remaining < _DEADLINE_SLACK_SECONDS else "CANCELLED"
            )
        elapsed = self._owner._clock() - self._started
        self._owner._metrics.finished(self._method, self._code, elapsed, self._reason)
        if self._audit is not None:
            self._written = self._audit.ended(
                self._method,
                self._context.invocation_metadata() or (),
                self._begun,
                self._message,
                self.response,
                {
                    "outcome": self._code,
                    "reason": self._reason,
                    "request_id": self._id,
                    "duration_ms": round(elapsed * 1000, 2),
                },
            )
        if self._note is not None:
            self._note.status, self._note.end = self._reason or self._code, None
            self._note.answer(self._owner._clock())
        if self._ticket is not None:
            self._ticket.leave(self._note)
        if self._note is not None and self._owner._notes is not None:
            self._owner._notes.finished(self._note)
            if self._owner._tracer is not None:
                self._owner._tracer.end(self._note)
        if self._method in PROBES:
            return
        log_call(
            logger,
            "rpc_finished",
            method=self._method,
            code=self._code,
            reason=self._reason,
            duration_ms=round(elapsed * 1000, 2),
            messages=self.messages,
            **self._key,
            **self._client(),
            **(journal_values(self._note) if self._note is not None else {}),
        )

    async def admitted(self) -> None:
        """Prend sa part du quota de l'appelant, s'il en a un ; rien n'est encore lu."""
        if self._owner._quotas is not None and self._method in METERED:
            self._ticket = self._owner._quotas.open(caller.get())
            if self._ticket is not None:
                ticket.set(self._ticket)
                await self._ticket.enter()

    def headers(self) -> Headers:
        """En-têtes de la réponse."""
        return response_headers.get() + (self._ticket.headers() if self._ticket is not None else ())

    def _client(self) -> dict[str, str]:
        address = (
            self._note.address if self._note is not None else client_address(self._context.invocation_metadata() or ())
        )
        return {"client": address} if address else {}

    def about(self, message: Any) -> Any:
        """Retient, pour le registre, ce que l'appel demande et ce qu'il trouve ; rend le message."""
        if self._audit is not None:
            self._message, self._begun = message, self._audit.began(message)
        return message

    async def kept(self) -> None:
        """Attend que la ligne du registre soit sur le disque : une réponse qui réussit la suit."""
        if self._written is not None:
            await self._written

    def end(self, error: PasserelleError) -> None:
        """Interrompt la méthode, et rend cette erreur à sa place."""
        if self._ended is None and self._task is not None:
            self._ended = error
            self._task.cancel()

    def _late(self, seconds: float) -> None:
        self.end(
            DeadlineExceeded(
                f"L'appel n'a pas abouti dans son délai, {seconds:.3g} s.",
                metadata={"field": "grpc-timeout", "limit": f"{seconds:.3g}"},
            )
        )

    def _disarm(self) -> None:
        if self._strike is not None:
            self._strike.cancel()
            self._strike = None

    def interruption(self) -> PasserelleError | None:
        """Erreur qui a interrompu la méthode ; `None` quand c'est le client qui est parti."""
        if self._ended is not None and self._task is not None:
            self._task.uncancel()
        return self._ended

    def timings(self) -> tuple[tuple[str, str], ...]:
        """Durées de la requête, dont la réponse est entière ; rien pour un appel que la fenêtre ne garde pas."""
        if self._note is None:
            return ()
        self._note.answer(self._owner._clock())
        return ((TIMINGS, server_timing(self._note)),)

    def tell_timings(self) -> None:
        """Les met dans les métadonnées de fin ; l'en-tête d'une réponse d'un seul tenant les a déjà dites."""
        if (self._events or self._owner.family(self._method) is None) and (timings := self.timings()):
            self._context.set_trailing_metadata(timings)

    async def write_all(self, produced: AsyncGenerator[Any, None]) -> None:
        """Écrit tout ce que la méthode produit ; un client parti referme aussitôt ce qui produisait."""
        context = self._context
        async with aclosing(produced) as messages:
            async for message in messages:
                if not self.messages:
                    headers = self.headers()
                    if self._owner.family(self._method) is not None:
                        self._events = is_event_stream(serialize(message))
                        # Celles d'un flux d'événements sont déjà dans ses en-têtes, pour ce qui en est connu.
                        headers = headers if self._events else (*headers, *self.timings())
                    if headers:
                        await context.send_initial_metadata(headers)
                self.messages += 1
                if self._held or (self._whole and (not self._events or type(message) is LastBody)):
                    await self._hold(message)
                else:
                    await context.write(message)

    async def _hold(self, message: Any) -> None:
        """Garde le dernier message, qui partira avec le statut ; ce n'était pas le précédent."""
        if self._held:
            await self._context.write(self.last)
        self.last, self._held = message, True

    async def _write_last(self, message: Any) -> None:
        await (self._hold(message) if self._whole else self._context.write(message))

    async def fail(self, error: Exception) -> None:
        """Rend l'erreur dans la forme de la méthode."""
        self._disarm()
        if isinstance(error, grpc.aio.AbortError):
            self._code = _code_name(self._context)
            raise error
        if not isinstance(error, PasserelleError) and (short := shortage(error)) is not None:
            logger.error("host_exhausted", extra={"method": self._method, "error": str(error)})
            error = short
        if not isinstance(error, PasserelleError):
            logger.error("rpc_crashed", extra={"method": self._method}, exc_info=error)
            error = InternalError(
                "Erreur interne : elle est consignée dans le journal du serveur, sous l'identifiant de la requête.",
                metadata={"request_id": self._id},
            )
        self._code = codes(error).grpc.name
        self._reason = error.reason
        family = self._owner.family(self._method)
        if family is None or (self.messages and not self._events):
            # Un corps commencé qui n'est pas un flux d'événements est coupé : rien ne peut y être ajouté.
            await self._abort(error)
        elif self.messages:
            await self._write_last(error_event(error, family))
            self.tell_timings()
        else:
            headers = (*error_headers(error), *self.headers(), *self.timings())
            await self._context.send_initial_metadata(headers)
            await self._write_last(error_response(error, family))

    async def _abort(self, error: PasserelleError) -> NoReturn:
        status = to_status(error, self._id)
        details = (DETAILS_KEY, status.SerializeToString())
        await self._context.abort(codes(error).grpc, error.message, (details, *self.timings()))
        raise AssertionError("abort lève toujours")


def _request_id(metadata: Metadata) -> str:
    for key, value in metadata:
        if key == "x-request-id" and isinstance(value, str) and KEPT_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex


def _code_name(context: Context) -> str:
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "UNKNOWN"


def _unknown(method: str) -> RouteNotFound:
    return RouteNotFound(
        f"La méthode « {shown(method)} » n'existe pas ; la réflexion gRPC donne la liste des services.",
        metadata={"method": method},
    )
