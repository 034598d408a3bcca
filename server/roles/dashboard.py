"""Le tableau de bord."""

import asyncio
from pathlib import Path

from server import __version__
from server.roles.shared import ROOT, named_keys
from server.settings.config import Config
from server.web.main import WebSettings, run


def dashboard(config: Config, run_dir: Path) -> None:
    """Mène le tableau de bord."""
    settings = WebSettings(
        socket_path=run_dir / "dashboard.sock",
        dist_dir=ROOT / "dashboard" / "dist",
        config={
            "profile": config.profile.name,
            "notice": config.profile.notice,
            "version": __version__,
        },
        stop_grace=config.stop_grace,
        grpc_address=f"unix:{run_dir / 'envoy-local.sock'}",
        limits=config.limits,
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=named_keys(config, run_dir),
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
    )
    asyncio.run(run(settings))
