"""Le processus d'un exemplaire : ouvre le moteur, l'échauffe, ouvre la prise, sert, puis vide et ferme.

La prise n'existe qu'une fois l'inférence d'échauffement réussie : s'y connecter prouve que le modèle est prêt. Les
étapes sont écrites dans un fichier d'état que lit le plan de contrôle.
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from server.domain import Limits
from server.engines.base import ContextEngine, Engine, EngineFactory, EngineSpec, MortalEngine, ThriftyEngine
from server.errors import ModelLoadFailed, PasserelleError
from server.lifetime import Heart, stop_signals, watch_parent
from server.link.server import LinkServer
from server.worker.handlers import Handlers, handlers_for
from server.worker.host import WorkerHost
from server.worker.status import StatusFile

logger = logging.getLogger(__name__)

EXIT_LOAD_FAILED = 3
EXIT_ENGINE_DEAD = 4

_LAST_REQUESTS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Réglages d'un exemplaire."""

    worker_id: str
    """Identifiant (`qwen-0`)."""
    engine: EngineFactory
    """Fabrique du moteur."""
    spec: EngineSpec
    """Ce que le moteur reçoit."""
    socket_path: Path
    """Prise de la liaison."""
    status_path: Path
    """Fichier d'état."""
    max_waiting: int
    """Requêtes en attente au plus."""
    max_frame_bytes: int
    """Octets d'une trame de la liaison au plus."""
    stop_grace: float = 30.0
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    spool_dir: Path | None = None
    """Réserve des envois d'audio ; `None` pour un modèle qui n'en lit pas."""
    limits: Limits = field(default_factory=Limits)
    """Limites en vigueur."""
    freeze_heap: bool = False
    """Soustrait au ramasse-miettes tout ce que l'ouverture a laissé en mémoire."""


async def run(settings: WorkerSettings) -> int:
    """Sert jusqu'à SIGTERM ; rend le code de sortie."""
    stopping = stop_signals()
    # Sans superviseur, personne n'arrêtera les enfants du moteur : tout le groupe part.
    watch_parent(lambda: os.killpg(0, signal.SIGKILL))
    heart = Heart()
    engine = settings.engine(settings.spec)
    status = StatusFile(settings.status_path)
    opening = asyncio.create_task(_open(engine, settings, status))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({opening, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        return 0
    try:
        handlers = opening.result()
    except PasserelleError as error:
        # Avec sa cause entière : le message, lui, est coupé.
        logger.error("load_failed", extra={"reason": error.reason, "error": error.message}, exc_info=error)
        status.failed(error)
        stop.cancel()
        return EXIT_LOAD_FAILED
    # Pas avant : des imports lourds tiennent le GIL pendant l'ouverture, et la garde commence au premier battement.
    heart.start()
    return await _serve(engine, handlers, settings, status, stopping, stop)


async def _open(engine: Engine, settings: WorkerSettings, status: StatusFile) -> Handlers:
    try:
        status.phase("opening", engine_opened=False)
        await engine.open(status.engine_phase)
        status.phase("warming_up")
        await engine.warm_up()
        handlers = handlers_for(engine, settings.spool_dir, settings.limits, settings.spec.threads)
        if settings.freeze_heap:
            _freeze_heap()
        return handlers
    except (PasserelleError, asyncio.CancelledError):
        raise
    except Exception as error:
        logger.exception("engine_open_failed")
        raise ModelLoadFailed(f"Le moteur ne s'est pas ouvert : {error}") from error


def _freeze_heap() -> None:
    """Fige ce qui est en mémoire, comme le fait `vllm serve`.

    Un moteur ouvert y laisse des centaines de milliers d'objets : une collecte entière, qu'une rafale de requêtes
    déclenche, arrêterait toutes les requêtes une demi-seconde ou plus.
    """
    gc.collect()
    gc.freeze()


async def _serve(
    engine: Engine,
    handlers: Handlers,
    settings: WorkerSettings,
    status: StatusFile,
    stopping: asyncio.Event,
    stop: "asyncio.Task[bool]",
) -> int:
    code = 0

    def dead(reason: str) -> None:
        nonlocal code
        code = EXIT_ENGINE_DEAD
        host.died()
        stopping.set()

    def load_changed() -> None:
        server.load_changed()

    host = WorkerHost(
        engine,
        max_waiting=settings.max_waiting,
        on_dead=dead,
        handlers=handlers,
        max_live=settings.limits.max_live_streams,
        spare_live=settings.limits.spare_live_streams,
        on_load=load_changed,
    )
    server = LinkServer(host, name=settings.worker_id, max_frame_bytes=settings.max_frame_bytes)
    await server.start(str(settings.socket_path))
    context = engine.context_tokens if isinstance(engine, ContextEngine) else 0
    detour = engine.detour if isinstance(engine, ThriftyEngine) else ""
    features = sorted(engine.features)
    status.phase("ready", features=features, context_tokens=context, detour=detour, measures=True, pid=os.getpid())
    logger.info("worker_ready", extra={"worker": settings.worker_id, "frozen_objects": gc.get_freeze_count()})
    watch = asyncio.create_task(_watch(engine, dead))
    await stop
    watch.cancel()
    server.farewell("arrêt demandé" if code == 0 else "moteur arrêté")
    if code == 0:
        # Une requête partie d'un front avant qu'il ne lise l'adieu est encore admise.
        await server.last_requests(min(_LAST_REQUESTS_SECONDS, settings.stop_grace))
    await host.drain(settings.stop_grace if code == 0 else 0.0)
    await server.stop()
    await engine.close()
    status.remove()
    logger.info("worker_stopped", extra={"worker": settings.worker_id})
    return code


async def _watch(engine: Engine, dead: Callable[[str], None]) -> None:
    """Guette la mort d'un moteur qui vit ailleurs : sans requête pour la découvrir, elle passerait pour de la santé."""
    if isinstance(engine, MortalEngine):
        reason = await engine.wait_dead()
        logger.error("engine_dead", extra={"reason": reason})
        dead(reason)
