"""Les fronts qui disent leurs requêtes : ce qu'il faut leur répondre, et ce qui est déjà reçu de chacun."""

import asyncio
from collections.abc import AsyncIterator, Callable

from passerelle.control.v1 import control_pb2

Response = control_pb2.ReportResponse


class FrontReport:
    """Flux d'un front."""

    def __init__(self, front: str, life: str) -> None:
        self.front, self.life = front, life
        self._answers: asyncio.Queue[Response | None] = asyncio.Queue()

    def written(self, sequence: int) -> None:
        """Ses lots sont écrits jusqu'à celui-ci."""
        self._answers.put_nowait(Response(written=sequence))

    def cancel(self, call: str) -> None:
        """Lui demande d'interrompre un appel."""
        self._answers.put_nowait(Response(cancel=call))

    def close(self) -> None:
        """Plus rien ne lui sera dit."""
        self._answers.put_nowait(None)

    async def answers(self) -> AsyncIterator[Response]:
        """Ce qu'il faut lui dire, à mesure."""
        while (answer := await self._answers.get()) is not None:
            yield answer


class Fronts:
    """Flux ouverts."""

    def __init__(self) -> None:
        self._open: dict[str, FrontReport] = {}

    def enter(self, report: FrontReport) -> None:
        """Un front parle ; son flux précédent, s'il en reste un, ne compte plus."""
        self._open[report.life] = report

    def leave(self, report: FrontReport, gone: Callable[[str, str], None]) -> None:
        """Son flux est fini ; `gone` oublie ce qu'il menait, sauf s'il en a déjà ouvert un autre."""
        if self._open.get(report.life) is report:
            del self._open[report.life]
            gone(report.front, report.life)

    def cancel(self, front: str, call: str) -> None:
        """Demande l'interruption d'un appel au front qui le mène."""
        for report in self._open.values():
            if report.front == front and call.startswith(f"{front}-{report.life}-"):
                report.cancel(call)

    def written(self, sequences: dict[str, int]) -> None:
        """Dit à chaque vie de front jusqu'où ses lots sont écrits."""
        for life, sequence in sequences.items():
            if (report := self._open.get(life)) is not None:
                report.written(sequence)
