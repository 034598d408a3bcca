"""Les traces des requêtes : des segments OTLP, tirés de la note que garde la fenêtre, jamais leur contenu.

Un seul processus les envoie, le front : la note dit aussi ce que la requête a attendu et fait chez l'exemplaire. Rien
n'attend le collecteur : une file bornée, un fil à part, et ce qui n'y tient pas est compté puis perdu.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from passerelle.v1 import requests_pb2
from prometheus_client import CollectorRegistry, Counter

from server.rpc.notes import Note

logger = logging.getLogger(__name__)

_OPERATIONS = {
    requests_pb2.REQUEST_SORT_CHAT: "chat",
    requests_pb2.REQUEST_SORT_COMPLETION: "text_completion",
    requests_pb2.REQUEST_SORT_TRANSCRIBE: "transcription",
    requests_pb2.REQUEST_SORT_LIVE: "live_transcription",
    requests_pb2.REQUEST_SORT_DIARIZE: "diarization",
}
_EXPORT_SECONDS, _BATCH, _DELAY_MILLISECONDS = 5.0, 512, 1000.0
_LAST_MILLISECONDS = 1000
_HEADERS = frozenset(("traceparent", "tracestate"))
_SCOPE = InstrumentationScope("passerelle")
_UNSET = Status(StatusCode.UNSET)


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Où envoyer les traces, et combien."""

    endpoint: str
    """`hôte:port` d'un collecteur OTLP, en gRPC."""
    ratio: float
    """Part des requêtes tracées, quand leur appelant n'en a pas décidé."""
    queue: int
    """Segments en attente au plus."""
    process: str
    """Nom de ce processus."""
    version: str = ""
    """Version du serveur."""


class Traced:
    """Place d'une requête dans une trace ; le segment du moteur est déjà nommé, pour que ceux du moteur s'y rangent."""

    __slots__ = ("engine", "own", "parent")

    def __init__(self, parent: SpanContext | None, own: SpanContext, engine: SpanContext) -> None:
        self.parent, self.own, self.engine = parent, own, engine

    @property
    def traceparent(self) -> str:
        """En-tête W3C à passer au moteur."""
        found = self.engine
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    @property
    def tracestate(self) -> str:
        """État W3C de l'appelant, tel quel."""
        return self.engine.trace_state.to_header()


class Traces:
    """Segments de ce processus."""

    def __init__(
        self, settings: TraceSettings, registry: CollectorRegistry, exporter: SpanExporter | None = None
    ) -> None:
        # La bibliothèque dirait chaque envoi raté, en anglais ; nous disons le premier, et le retour.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        dropped = Counter(
            "passerelle_trace_spans_dropped_total",
            "Trace spans lost because the collector was slow or unreachable.",
            registry=registry,
        )
        sent = Counter("passerelle_trace_spans_sent_total", "Trace spans taken by the collector.", registry=registry)
        self._exporter = _Counted(
            exporter or OTLPSpanExporter(endpoint=settings.endpoint, insecure=True, timeout=_EXPORT_SECONDS),
            sent,
            dropped,
        )
        self._dropped = dropped
        self._queue = settings.queue
        self._given = 0
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=settings.queue,
            schedule_delay_millis=_DELAY_MILLISECONDS,
            max_export_batch_size=min(_BATCH, settings.queue),
        )
        self._sampler = ParentBased(TraceIdRatioBased(settings.ratio))
        self._ids = RandomIdGenerator()
        self._w3c = TraceContextTextMapPropagator()
        self._resource = Resource(
            {
                "service.name": "passerelle",
                "service.instance.id": settings.process,
                "service.version": settings.version,
            }
        )

    def begin(self, metadata: Iterable[tuple[str, str | bytes]]) -> Traced:
        """Place d'une requête qui commence : dans la trace de son appelant, sinon dans une nouvelle."""
        carrier = {name: value for name, value in metadata if name in _HEADERS and isinstance(value, str)}
        context = self._w3c.extract(carrier) if carrier else None
        parent = trace.get_current_span(context).get_span_context() if context is not None else None
        if parent is not None and not parent.is_valid:
            parent, context = None, None
        number = parent.trace_id if parent is not None else self._ids.generate_trace_id()
        result = self._sampler.should_sample(context, number, "")
        flags = TraceFlags(TraceFlags.SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
        state = parent.trace_state if parent is not None else TraceState()
        own = SpanContext(number, self._ids.generate_span_id(), is_remote=False, trace_flags=flags, trace_state=state)
        return Traced(parent, own, self._named(own))

    def end(self, found: Note) -> None:
        """Envoie les segments d'une requête finie, si elle est tracée."""
        traced = found.trace
        if not isinstance(traced, Traced) or not traced.own.trace_flags.sampled:
            return
        spans = self._spans(found, traced)
        if self._given - self._exporter.taken + len(spans) > self._queue:
            self._dropped.inc(len(spans))
            return
        self._given += len(spans)
        for span in spans:
            self._processor.on_end(span)

    def close(self) -> None:
        """Envoie ce qui reste, un instant au plus."""
        # Un collecteur muet retiendrait l'arrêt : au-delà de l'instant, le fil meurt avec le processus.
        closing = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(_LAST_MILLISECONDS / 1000)

    def _named(self, beside: SpanContext) -> SpanContext:
        """Un segment de plus de la même trace."""
        return SpanContext(beside.trace_id, self._ids.generate_span_id(), False, beside.trace_flags, beside.trace_state)

    def _spans(self, found: Note, traced: Traced) -> list[ReadableSpan]:
        clock = time.time_ns() - time.monotonic_ns()

        def span(
            name: str,
            begin: float,
            end: float,
            attributes: dict[str, AttributeValue],
            context: SpanContext,
            parent: SpanContext | None = traced.own,
            kind: SpanKind = SpanKind.INTERNAL,
            status: Status = _UNSET,
            events: Sequence[Event] = (),
        ) -> ReadableSpan:
            return ReadableSpan(
                name,
                context,
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                start_time=clock + int(begin * 1e9),
                end_time=clock + int(end * 1e9),
                instrumentation_scope=_SCOPE,
                kind=kind,
                status=status,
                events=events,
            )

        operation = _OPERATIONS[found.sort]
        model: dict[str, AttributeValue] = {"gen_ai.request.model": found.model} if found.model else {}
        failed = found.status not in ("OK", "CANCELLED")
        spans = [
            span(
                f"{operation} {found.model}".strip(),
                found.started,
                found.ended,
                {**model, **_attributes(found, operation)},
                traced.own,
                parent=traced.parent,
                kind=SpanKind.SERVER,
                status=Status(StatusCode.ERROR) if failed else _UNSET,
            )
        ]
        if found.asked:
            spans.append(span("receive", found.started, found.asked, {}, self._named(traced.own)))
        if found.sent:
            spans.append(span("load", found.asked, found.sent, model, self._named(traced.own)))
            entered, last = found.sent + found.queued, found.last or found.ended
            where: dict[str, AttributeValue] = {**model, "passerelle.replicas": found.replicas}
            if found.queued:
                spans.append(span("queue", found.sent, entered, where, self._named(traced.own)))
            first = [Event("first_output", None, clock + int(found.first * 1e9))] if found.first else []
            spans.append(span("engine", entered, max(entered, last), where, traced.engine, events=first))
        return spans


def _attributes(found: Note, operation: str) -> dict[str, AttributeValue]:
    """Des mesures, aux noms des conventions d'OpenTelemetry pour l'IA générative."""
    values: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "passerelle",
        "passerelle.request_id": found.id,
        "passerelle.status": found.status,
        "passerelle.stream": found.stream,
    }
    if found.key:
        values["passerelle.key"] = found.key
    if found.address:
        values["client.address"] = found.address
    if found.tokens_in >= 0:
        values["gen_ai.usage.input_tokens"] = found.tokens_in
    if found.tokens_out >= 0 or found.frames:
        values["gen_ai.usage.output_tokens"] = found.tokens_out if found.tokens_out >= 0 else found.frames
    if found.audio_seconds:
        values["passerelle.audio_seconds"] = found.audio_seconds
    if found.status != "OK":
        values["error.type"] = found.status
    return values


class _Counted(SpanExporter):
    """Compte ce que prend le collecteur, et ce qu'il n'a pas pris."""

    def __init__(self, inner: SpanExporter, sent: Counter, dropped: Counter) -> None:
        self._inner, self._sent, self._dropped = inner, sent, dropped
        self._failing = False
        self.taken = 0
        """Segments sortis de la file."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Envoie un lot ; un échec le perd."""
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception:
            logger.exception("traces_failed")
            result = SpanExportResult.FAILURE
        kept = result is SpanExportResult.SUCCESS
        (self._sent if kept else self._dropped).inc(len(spans))
        if kept is self._failing:
            self._failing = not kept
            logger.warning("traces_sent_again" if kept else "traces_unsent", extra={"spans": len(spans)})
        return result

    def shutdown(self) -> None:
        """Ferme la voie."""
        self._inner.shutdown()
