"""Le plan de contrôle assemblé."""

import asyncio
import dataclasses
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from passerelle.control.v1 import control_pb2_grpc, quotas_pb2_grpc
from passerelle.v1 import (
    admin_pb2_grpc,
    keys_pb2_grpc,
    probe_pb2_grpc,
    requests_pb2_grpc,
    route_pb2,
    usage_pb2_grpc,
)
from passerelle.v1 import quotas_pb2_grpc as public_quotas
from prometheus_client import CollectorRegistry

from server.control.gpu.board import BoardSettings, GpuBoard
from server.control.gpu.nvml import NvmlDriver
from server.control.gpu.probe import AllowedProbe
from server.control.life.replicas import ReplicaHost
from server.control.life.state import ModelTools
from server.control.machine import MachineProbe, process_tree
from server.control.measures.keys import KeyLabels, known_keys
from server.control.measures.operations import OperationMeasures
from server.control.measures.page import MetricsPage
from server.control.measures.requests import RequestMeasures
from server.control.models import Models
from server.control.quotas.counters import Counters
from server.control.quotas.leases import SERVICE as LEASES
from server.control.quotas.leases import LeaseService
from server.control.quotas.store import QUOTAS, QuotaStore
from server.control.record.audit import AuditLog, AuditSettings
from server.control.record.journal import Journal
from server.control.record.keys import KeyBook
from server.control.record.operations import Changes, Operation
from server.control.requests.fronts import Fronts
from server.control.requests.store import USAGE, UsageStore
from server.control.requests.window import Window
from server.control.services.admin import AdminFacts, AdminService
from server.control.services.audited import ended, in_force, looker, tell_settings
from server.control.services.keys import KeyService
from server.control.services.log_level import LogLevels
from server.control.services.owners import Owners
from server.control.services.probe import ProbeService
from server.control.services.quotas import QuotaService
from server.control.services.reports import SERVICE as REPORTS
from server.control.services.reports import ReportService
from server.control.services.requests import RequestService
from server.control.services.routes import SERVICE, ControlService
from server.control.services.usage import UsageService
from server.control.weights.cache import Artifacts, inspect
from server.control.weights.discovery import Adoption
from server.control.weights.downloads import Downloader
from server.control.weights.package_source import package_bytes
from server.control.weights.verify import Verifier
from server.domain import Limits, ModelSpec, Profile, TokenProvider
from server.french import why
from server.lifetime import away_seconds
from server.named_keys import KEYS, KeyTable, TableUnreadable
from server.quotas import Quota
from server.rpc.audit import Auditor
from server.rpc.auth import Guard
from server.rpc.contract import POLICY
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics, keep_dead, process_registry
from server.rpc.server import RpcServer, RpcSettings
from server.supervisor.client import SupervisorClient
from server.supervisor.envoy_admin import healthy_fronts
from server.supervisor.envoy_traces import RELAY

logger = logging.getLogger(__name__)

_MEASURES_BYTES = 4 * 1024 * 1024
"""Place de chaque fichier de mesures : seize modèles et soixante-quatre clés, deux fois."""


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Réglages du plan de contrôle."""

    run_dir: Path
    """Dossier des prises."""
    profile: Profile
    """Modèles servis."""
    limits: Limits
    """Limites en vigueur."""
    cache_dir: Path
    """Dossier des poids."""
    state_path: Path
    """Base SQLite."""
    weights_dir: Path
    """Dossier des paquets de poids."""
    hub_caches: tuple[Path, ...]
    """Caches du hub que d'autres outils remplissent."""
    endpoints: Sequence[route_pb2.Endpoint]
    """Adresses annoncées."""
    worker_command: Callable[[ModelSpec, int], Sequence[str]]
    """Commande d'un exemplaire (modèle, rang)."""
    download_command: Sequence[str]
    """Commande d'un téléchargement, avant la clé du modèle."""
    environ: Mapping[str, str]
    """Environnement d'un téléchargement."""
    load_all: bool
    """Charge tous les modèles au démarrage."""
    restore_attempts: int = 3
    """Essais de ramener, au démarrage, un modèle voulu."""
    restore_pause: float = 10.0
    """Secondes avant le deuxième essai, doublées à chacun."""
    openai_keys: tuple[str, ...] = ()
    """Clés d'inférence."""
    admin_keys: tuple[str, ...] = ()
    """Clés d'administration."""
    named_keys: KeyTable | None = None
    """Clés nommées ; `None` : aucune."""
    keys_file: Path | None = None
    """Table de clés que l'exploitant monte ; `None` : celle du dossier d'état."""
    default_quota: Quota | None = None
    """Quota des clés qui n'en ont pas ; `None` : aucun."""
    allowed_origins: tuple[str, ...] = ()
    """Origines étrangères admises."""
    tokens: TokenProvider | None = None
    """Fournisseur d'identité dont les jetons sont admis."""
    max_frame_bytes: int = 80 * 1024 * 1024
    """Octets d'une trame de la liaison au plus."""
    stop_grace: float = 30.0
    """Secondes laissées aux requêtes en cours quand un modèle se décharge."""
    grpc_compression: bool = False
    """Admet les messages gRPC compressés."""
    gpus: BoardSettings = field(default_factory=BoardSettings)
    """Réglages des baux et de la preuve de mémoire rendue."""
    build: str = ""
    """Commit dont ce serveur est fait ; vide s'il n'est pas connu."""
    fields: Callable[[str], Mapping[str, Sequence[str]]] = lambda _engine: {}
    """Sort des champs d'une conversation chez un moteur."""
    gpu_lists: Mapping[str, str] = field(default_factory=dict)
    """Listes de GPU données par l'exploitant, par variable ; `server/control/gpu/allowed.py` les lit."""
    traces: tuple[str, int] | None = None
    """Collecteur des traces et segments en attente au plus ; `None` : rien n'est tracé."""
    log_level: str = "INFO"
    """Niveau du journal, celui des réglages."""
    audit: AuditSettings = field(default_factory=lambda: AuditSettings(Path()))
    """Réglages du registre."""
    metrics_keys: int = 64
    """Clés que les mesures nomment, au plus."""


@asynccontextmanager
async def serving(settings: ControlSettings) -> AsyncIterator[RpcServer]:
    """Sert dès l'entrée du bloc, une fois retrouvé ce qui tournait déjà."""
    started_at = time.time()
    run_dir = settings.run_dir
    keep_dead()
    registry = process_registry(_MEASURES_BYTES)
    rpc_metrics, operations = RpcMetrics(registry), OperationMeasures(registry)
    measures = RequestMeasures(registry, KeyLabels(settings.metrics_keys, known_keys()))
    journal = Journal(settings.state_path)
    await journal.open()
    audit = AuditLog(settings.audit)

    def over(operation: Operation) -> None:
        operations.take(operation)
        audit.append(ended(operation))

    journal.on_end = over
    keys = {"openai_keys": settings.openai_keys, "admin_keys": settings.admin_keys}
    others = {"load_all": settings.load_all, "stop_grace": settings.stop_grace, "gpus": dict(settings.gpu_lists)}
    # Qui administre, et d'où : une portée de jetons ou une origine de plus est un droit de plus.
    others |= {"tokens": dataclasses.asdict(settings.tokens) if settings.tokens else None}
    others |= {"allowed_origins": settings.allowed_origins}
    await tell_settings(
        settings.audit.folder, in_force(settings.profile, settings.limits, keys, **others), audit.append
    )
    supervisor = await SupervisorClient.connect(run_dir / "supervisor.sock")
    machine = MachineProbe(settings.cache_dir)
    changes = Changes()
    probe = AllowedProbe(NvmlDriver(), settings.gpu_lists)
    replicas = ReplicaHost(
        supervisor,
        run_dir,
        settings.worker_command,
        settings.max_frame_bytes,
        changes.soon,
        probe.allowed.physical_of,
    )
    tools = ModelTools(
        replicas=replicas,
        downloads=Downloader(settings.download_command, settings.environ),
        journal=journal,
        changes=changes,
        inspect=lambda spec: _inspect(settings, spec),
        verify=Verifier(settings.cache_dir, settings.state_path.with_name("verified.json")),
        gpus=GpuBoard(
            probe,
            pid_of=replicas.pid_of,
            group_of=process_tree,
            clock=time.monotonic,
            settings=settings.gpus,
        ),
        stop_grace=settings.stop_grace,
        cache_dir=settings.cache_dir,
        limits=settings.limits,
        life=run_dir.name,
        restore_attempts=settings.restore_attempts,
        restore_pause=settings.restore_pause,
    )
    models = Models(
        settings.profile,
        tools,
        supervisor,
        machine,
        on_exit=lambda _pid: keep_dead(),
        adoption=Adoption(settings.cache_dir, settings.hub_caches, tools.downloads.adopt),
    )
    operations.expect(model.spec.key for model in models)
    routes = ControlService(models)
    if settings.keys_file is not None:
        book = KeyBook(settings.keys_file, None, settings.limits, mounted=True)
    else:
        book = KeyBook(settings.state_path.with_name(KEYS), run_dir / KEYS, settings.limits)
    try:
        await book.publish()
    except (TableUnreadable, OSError) as error:
        # Les modèles servent ; la porte reste fermée à qui n'a pas une clé des réglages.
        logger.error("keys_unpublished", extra={"error": str(error)})
    guard = Guard(
        settings.openai_keys,
        settings.admin_keys,
        allowed_origins=settings.allowed_origins,
        named=settings.named_keys,
        tokens=settings.tokens,
        policy={
            **POLICY,
            **{f"/{SERVICE}/{name}": route_pb2.SCOPE_PUBLIC for name in ("WatchRoutes", "EnsureLoaded")},
            f"/{REPORTS}/Report": route_pb2.SCOPE_PUBLIC,
            f"/{LEASES}/Lease": route_pb2.SCOPE_PUBLIC,
        },
        default_quota=settings.default_quota,
    )
    quotas = QuotaStore(settings.state_path.with_name(QUOTAS))
    consumed, lives = await quotas.read()
    counters = Counters(time.time)
    counters.load(consumed)
    leases = LeaseService(counters, quotas, lives)
    window, fronts = Window(settings.limits.requests_kept, models.gpus_of), Fronts()
    usage = UsageStore(settings.state_path.with_name(USAGE), settings.limits.usage_days)
    reports = ReportService(window, fronts, usage, await usage.received(), measures)
    levels = LogLevels(run_dir, settings.log_level)
    auditor = Auditor(audit.append, looker(models, levels))
    facts = AdminFacts(
        levels=levels,
        limits=settings.limits,
        endpoints=settings.endpoints,
        logs=run_dir / "logs",
        started_at=started_at,
        guard=guard,
        stop_grace=settings.stop_grace,
        build=settings.build,
        activity=window.activity,
        fields=settings.fields,
    )

    async def reasons() -> list[str]:
        missing = []
        try:
            if not await asyncio.to_thread(healthy_fronts, run_dir / "envoy-admin.sock"):
                missing.append("Aucun front n'est encore en bonne santé.")
        except OSError as error:
            missing.append(f"L'état des fronts est inconnu : {why(error)}.")
        missing += models.gpu_refusal()
        missing += models.not_ready()
        return missing

    page = MetricsPage(
        registry=registry,
        models=models,
        running=window.running,
        run_dir=run_dir,
        folders={"models": settings.cache_dir, "state": settings.state_path.parent, "run": run_dir},
        build=settings.build,
        started_at=started_at,
    )
    server = RpcServer(
        RpcSettings(
            address=f"unix:{run_dir / 'control.sock'}",
            max_message_bytes=4 * 1024 * 1024,
            drain_delay=0.0,
            stop_grace=1.0,
            away_seconds=partial(away_seconds, run_dir),
            compression=settings.grpc_compression,
        ),
        ServiceInterceptor(guard, rpc_metrics, limits=settings.limits, audit=auditor),
    )
    admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(models, journal, facts), server.server)
    probe_pb2_grpc.add_ProbeServiceServicer_to_server(
        ProbeService(reasons, page.render, guard, models.notices), server.server
    )
    keys_pb2_grpc.add_KeyServiceServicer_to_server(
        KeyService(
            book,
            lambda name: models.get(name).spec.key,
            settings.limits,
            time.time,
            counters,
            settings.default_quota,
        ),
        server.server,
    )
    quotas_pb2_grpc.add_LeaseServiceServicer_to_server(leases, server.server)
    public_quotas.add_QuotaServiceServicer_to_server(QuotaService(counters), server.server)
    leasing = asyncio.create_task(leases.run())
    requests_pb2_grpc.add_RequestServiceServicer_to_server(RequestService(window, fronts, guard), server.server)
    control_pb2_grpc.add_ControlServiceServicer_to_server(routes, server.server)
    control_pb2_grpc.add_ReportServiceServicer_to_server(reports, server.server)
    owners = Owners(book, settings.tokens.issuer if settings.tokens else "")
    usages = UsageService(usage, window, owners, models.key_of, erase_quotas=leases.erase)
    usage_pb2_grpc.add_UsageServiceServicer_to_server(usages, server.server)
    try:
        await models.start(load_all=settings.load_all)
        async with _traces_relayed(settings, registry):
            await server.start()
            logger.info("control_ready", extra={"profile": settings.profile.name})
            yield server
            await server.stop()
    finally:
        await server.server.stop(0)
        await models.aclose()
        await supervisor.aclose()
        leasing.cancel()
        await asyncio.gather(leasing, return_exceptions=True)
        await quotas.aclose()
        await usage.aclose()
        await journal.aclose()
        await audit.aclose()
        rpc_metrics.pour()
        measures.pour()
        logger.info("control_stopped")


@asynccontextmanager
async def _traces_relayed(settings: ControlSettings, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Relaie les segments d'Envoy le temps du bloc, s'il en fait."""
    if settings.traces is None:
        yield
        return
    from server.rpc.trace_relay import relaying

    async with relaying(settings.run_dir / RELAY, *settings.traces, registry):
        yield


def _inspect(settings: ControlSettings, spec: ModelSpec) -> Artifacts:
    found = inspect(settings.cache_dir, spec)
    if found.total_bytes or spec.source.kind != "package":
        return found
    return Artifacts(found.complete, found.cached_bytes, package_bytes(spec, settings.weights_dir))
