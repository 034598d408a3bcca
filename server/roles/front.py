"""Un front."""

from functools import partial
from pathlib import Path

import uvloop

from server.front.main import FrontSettings, run
from server.lifetime import away_seconds
from server.roles.shared import ROOT, frame_bytes
from server.settings.build import commit_of
from server.settings.config import Config


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
        allowed_origins=config.allowed_origins,
        grpc_compression=config.grpc_compression,
        max_frame_bytes=frame_bytes(config),
        drain_delay=config.drain_seconds,
        stop_grace=config.stop_grace,
        away_seconds=partial(away_seconds, run_dir),
    )
    uvloop.run(run(settings))
