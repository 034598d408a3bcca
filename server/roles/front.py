"""Un front."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from prometheus_client import CollectorRegistry

from server import __version__
from server.front.main import FrontSettings, run
from server.lifetime import away_seconds
from server.roles.shared import ROOT, frame_bytes, named_keys
from server.rpc.caller import key_label
from server.rpc.tokens import owner_label
from server.settings.build import commit_of
from server.settings.config import Config
from server.settings.shares import TOKEN_OWNER

if TYPE_CHECKING:
    from server.rpc.traces import Traces


def front(config: Config, run_dir: Path, index: int) -> None:
    """Mène un front."""
    settings = FrontSettings(
        name=f"front-{index}",
        address=f"unix:{run_dir / f'front-{index}.sock'}",
        control_address=f"unix:{run_dir / 'control.sock'}",
        limits=config.limits,
        spool_dir=run_dir / "spool",
        control_log=run_dir / "logs" / "control.log",
        build=config.build or commit_of(ROOT),
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=named_keys(config, run_dir),
        default_quota=config.default_quota,
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
        shares=shares_of(config),
        tracer=_tracer(config, f"front-{index}"),
        grpc_compression=config.grpc_compression,
        max_frame_bytes=frame_bytes(config),
        drain_delay=config.drain_seconds,
        stop_grace=config.stop_grace,
        away_seconds=partial(away_seconds, run_dir),
    )
    uvloop.run(run(settings))


def _tracer(config: Config, process: str) -> "Callable[[CollectorRegistry], Traces] | None":
    if config.traces is None:
        return None
    from server.rpc.traces import Traces, TraceSettings

    found = config.traces
    return partial(Traces, TraceSettings(found.endpoint, found.ratio, found.queue, process, __version__))


def shares_of(config: Config) -> dict[str, int]:
    """Parts des réglages, par l'étiquette que chaque appelant aura."""
    issuer = config.tokens.issuer if config.tokens is not None else ""

    def label(name: str) -> str:
        if name.startswith(TOKEN_OWNER):
            return owner_label(issuer, name.removeprefix(TOKEN_OWNER))
        return key_label(int(name) - 1) if name.isdigit() else name

    return {label(name): share for name, share in config.shares.items()}
