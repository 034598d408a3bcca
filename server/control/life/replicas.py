"""Les exemplaires : lancés par le superviseur, suivis par leur fichier d'état, joints par leur prise."""

import asyncio
import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.control.life.exits import Exit
from server.domain import ModelSpec, worker_digest
from server.errors import ModelLoadFailed, PasserelleError, WorkerLost
from server.events import Tail, event_of, last_line
from server.link.client import LinkClient
from server.supervisor.client import SupervisorClient, SupervisorError

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
_CONNECT_SECONDS = 5.0
_PARTING_SECONDS = 1.0
_BUFFER_BYTES = 1024 * 1024
_FREE_BYTES = 64 * 1024
"""En deçà, ce qui s'arrête n'a sans doute pas pu le dire."""

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "offline",
}
"""Environnement de tout exemplaire, quel que soit son moteur : ses poids sont là, il ne cherche ni n'envoie rien."""

OnPhase = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Replica:
    """Exemplaire prêt."""

    id: str
    gpus: tuple[int, ...]
    pid: int
    socket: Path
    features: tuple[str, ...]
    link: LinkClient
    ready_at: float
    context_tokens: int = 0
    """Contexte que dit le moteur ; 0 s'il n'en dit rien."""
    asleep: bool = False
    """Vrai si le moteur a rendu la mémoire du GPU."""
    detour: str = ""
    """Pourquoi le moteur se passe de son chemin court ; vide sinon."""

    measured: bool = False
    """Vrai s'il sait dire ses mesures : lancé par une version d'avant, il refermerait sa liaison."""

    @property
    def index(self) -> int:
        """Rang."""
        return int(self.id.rpartition("-")[2])


class ReplicaHost:
    """Lance, retrouve et arrête des exemplaires."""

    def __init__(
        self,
        supervisor: SupervisorClient,
        run_dir: Path,
        command: Callable[[ModelSpec, int], Sequence[str]],
        max_frame_bytes: int,
        on_load: Callable[[], None],
        physical_of: Callable[[Sequence[int]], Sequence[int]],
    ) -> None:
        """`on_load` suit chaque requête qu'un exemplaire prend ou finit ; `physical_of` dit à CUDA ces GPU."""
        self._supervisor = supervisor
        self._run_dir = run_dir
        self._command = command
        self._max_frame_bytes = max_frame_bytes
        self._on_load = on_load
        self._physical_of = physical_of
        self._exits: dict[str, asyncio.Future[Exit]] = {}
        self._pids: dict[str, int] = {}

    async def start(
        self, spec: ModelSpec, index: int, gpus: tuple[int, ...], on_phase: OnPhase, meta: Mapping[str, Any]
    ) -> Replica:
        """Lance un exemplaire et attend qu'il soit prêt ; `meta` sera rendu à qui le retrouvera.

        Raises:
            ModelLoadFailed: le moteur ne s'est pas ouvert.
            NoGpuVisible: un de ces GPU n'est plus permis.
        """
        visible = ",".join(map(str, self._physical_of(gpus)))
        name = f"{spec.key}-{index}"
        self._status_path(name).unlink(missing_ok=True)
        exited = self._exits[name] = asyncio.get_running_loop().create_future()
        on_phase("spawning")
        try:
            pid = await self._supervisor.spawn(
                name,
                self._command(spec, index),
                # Les numéros sont ceux de NVML : l'ordre du bus PCI, que CUDA ne suit que si on le lui dit.
                {**_OFFLINE, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": visible},
                {"key": spec.key, "gpus": list(gpus), "digest": worker_digest(spec), **meta},
            )
            self._pids[name] = pid
            return await self._ready(name, pid, gpus, exited, on_phase)
        except SupervisorError as error:
            raise ModelLoadFailed(f"L'exemplaire {name} n'a pas pu être lancé : {error}") from error
        finally:
            self._exits.pop(name, None)

    async def reattach(self, process: Mapping[str, Any], on_phase: OnPhase) -> Replica:
        """Retrouve un exemplaire lancé avant le redémarrage du plan de contrôle."""
        name = process["name"]
        exited = self._exits[name] = asyncio.get_running_loop().create_future()
        self._pids[name] = process["pid"]
        try:
            return await self._ready(name, process["pid"], tuple(process["meta"].get("gpus", ())), exited, on_phase)
        finally:
            self._exits.pop(name, None)

    async def stop(self, names: Sequence[str], grace: float) -> None:
        """Arrête des exemplaires ; leurs requêtes en cours ont `grace` secondes."""
        await asyncio.gather(*(self._supervisor.stop(name, grace) for name in names))
        for name in names:
            self._pids.pop(name, None)

    async def sleep(self, replica: Replica, level: int, grace: float) -> None:
        """Endort un exemplaire ; ses requêtes en cours ont `grace` secondes."""
        await replica.link.sleep(level, grace)

    async def parting(self, replica: Replica, error: PasserelleError, *, now: bool) -> None:
        """Dit à un exemplaire ce que recevront les requêtes que son arrêt interrompra ; `now` les interrompt."""
        try:
            async with asyncio.timeout(_PARTING_SECONDS):
                await replica.link.parting(error, now=now)
        except (WorkerLost, TimeoutError) as failure:
            # Figé ou déjà mort : il s'arrête de toute façon, et ses requêtes sauront qu'il a disparu.
            logger.warning("parting_unheard", extra={"replica": replica.id, "error": str(failure)})

    async def wake(self, replica: Replica) -> None:
        """Réveille un exemplaire."""
        await replica.link.wake()

    def pid_of(self, name: str) -> int | None:
        """Processus de tête d'un exemplaire ; `None` s'il ne tourne pas."""
        return self._pids.get(name)

    def last_words(self, name: str) -> str:
        """Dernière ligne du journal d'un exemplaire, entre guillemets ; vide s'il n'a rien dit."""
        line = last_line(self._run_dir / "logs" / f"{name}.log")
        return f" ; dernière ligne de son journal : « {line} »" if line else ""

    def _disk_full(self) -> str:
        """Ce qu'un exemplaire n'a pas pu écrire, ni son état ni la fin de son journal ; vide s'il reste de la place."""
        free = shutil.disk_usage(self._run_dir).free
        return f" : il ne reste que {free} octets dans {self._run_dir}" if free < _FREE_BYTES else ""

    def exited(self, name: str, end: Exit) -> None:
        """Apprend la fin d'un processus."""
        self._pids.pop(name, None)
        waiting = self._exits.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_result(end)

    def is_ready(self, name: str) -> bool:
        """Vrai si l'exemplaire a fini de s'ouvrir."""
        lines = Tail(self._status_path(name)).read()
        return bool(lines) and json.loads(lines[-1]).get("phase") == "ready"

    async def _ready(
        self, name: str, pid: int, gpus: tuple[int, ...], exited: "asyncio.Future[Exit]", on_phase: OnPhase
    ) -> Replica:
        status = Tail(self._status_path(name))
        while True:
            for line in status.read():
                event = event_of(line)
                if event["phase"] == "ready":
                    return await self._connected(name, pid, gpus, event)
                on_phase(event["phase"])
            if exited.done():
                end = exited.result()
                error = end.error(name, self._disk_full() or self.last_words(name), opening=True)
                # Arrêté de lui-même, le moteur n'a pas su s'ouvrir ; tué, il n'y est pour rien.
                raise (
                    ModelLoadFailed(error.message, metadata=error.metadata) if isinstance(error, WorkerLost) else error
                )
            await asyncio.wait({exited}, timeout=_POLL_SECONDS)

    async def _connected(self, name: str, pid: int, gpus: tuple[int, ...], told: Mapping[str, Any]) -> Replica:
        path = self._run_dir / f"{name}.sock"
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                link = await LinkClient.connect(
                    str(path),
                    "control",
                    max_frame_bytes=self._max_frame_bytes,
                    request_buffer_bytes=_BUFFER_BYTES,
                    on_load=self._on_load,
                )
        except (OSError, WorkerLost) as error:
            raise ModelLoadFailed(f"L'exemplaire {name} ne répond pas sur sa prise : {error}") from error
        logger.info("replica_ready", extra={"replica": name, "pid": pid})
        return Replica(
            id=name,
            gpus=gpus,
            pid=pid,
            socket=path,
            features=tuple(told["features"]),
            link=link,
            ready_at=time.time(),
            context_tokens=told.get("context_tokens", 0),
            detour=told.get("detour", ""),
            measured=told.get("measures", False),
            asleep=link.load.asleep,
        )

    def _status_path(self, name: str) -> Path:
        return self._run_dir / f"{name}.status.jsonl"
