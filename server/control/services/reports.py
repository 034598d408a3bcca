"""ReportService : ce que les fronts disent de leurs requêtes ; jamais exposé par Envoy."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from passerelle.control.v1 import control_pb2, control_pb2_grpc

from server.control.measures.requests import RequestMeasures
from server.control.requests.fronts import FrontReport, Fronts
from server.control.requests.store import UsageStore
from server.control.requests.window import Window

SERVICE = "passerelle.control.v1.ReportService"

_LIVES = 256
"""Vies de fronts dont on retient où elles en étaient."""

logger = logging.getLogger(__name__)


class ReportService(control_pb2_grpc.ReportServiceServicer):
    """Reçoit les lots des fronts, chacun une fois."""

    def __init__(
        self, window: Window, fronts: Fronts, usage: UsageStore, written: dict[str, int], measures: RequestMeasures
    ) -> None:
        """`written` : dernier lot déjà écrit de chaque vie d'un front."""
        self._measures = measures
        self._window = window
        self._fronts = fronts
        self._usage = usage
        self._written = dict(written)
        self._received = dict(written)
        usage.on_written = self._tell

    def _tell(self, sequences: dict[str, int]) -> None:
        self._written |= sequences
        self._fronts.written(sequences)

    async def Report(
        self, requests: AsyncIterator[control_pb2.ReportRequest], _context: Any
    ) -> AsyncIterator[control_pb2.ReportResponse]:
        """Reçoit jusqu'à ce que le front se taise."""
        first = await anext(aiter(requests), None)
        if first is None:
            return
        report = FrontReport(first.front, first.life)
        self._fronts.enter(report)
        report.written(self._written.get(first.life, 0))
        reading = asyncio.create_task(self._read(requests, report))
        try:
            async for answer in report.answers():
                yield answer
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._fronts.leave(report, self._window.lose)

    async def _read(self, requests: AsyncIterator[control_pb2.ReportRequest], report: FrontReport) -> None:
        try:
            async for batch in requests:
                self._take(batch)
        finally:
            report.close()

    def _take(self, batch: control_pb2.ReportRequest) -> None:
        if batch.lost:
            logger.warning("requests_lost", extra={"front": batch.front, "count": batch.lost})
            self._measures.lost(batch.lost)
        self._window.activity.wrote(batch.tokens)
        self._window.put(batch.running)
        # Redit parce que l'écrit ne lui était pas parvenu.
        if batch.sequence > self._received.get(batch.life, 0):
            self._received.pop(batch.life, None)
            self._received[batch.life] = batch.sequence
            if len(self._received) > _LIVES:
                oldest = next(iter(self._received))
                del self._received[oldest]
                self._written.pop(oldest, None)
            self._window.put(batch.ended)
            self._usage.add(batch.life, batch.sequence, batch.ended)
            self._measures.take(batch.ended)
