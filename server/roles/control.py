"""Le plan de contrôle."""

import asyncio
import json
import os
import sys
from pathlib import Path

from server.control.gpu.board import MIB, BoardSettings
from server.control.main import ControlSettings, run
from server.control.record.audit import AuditSettings
from server.control.record.schema import JOURNAL
from server.domain import ModelSpec
from server.engines.chat_tables import announced
from server.roles.shared import ROOT, frame_bytes, named_keys
from server.rpc.routes import endpoints
from server.settings.advertise import announced as announced_addresses
from server.settings.build import commit_of
from server.settings.config import Config
from server.settings.environments import interpreter


def control(config: Config, run_dir: Path) -> int:
    """Mène le plan de contrôle ; rend le code de sortie."""
    settings = ControlSettings(
        run_dir=run_dir,
        profile=config.profile,
        limits=config.limits,
        cache_dir=config.cache_dir,
        state_path=config.state_dir / JOURNAL,
        weights_dir=config.weights_dir,
        hub_caches=config.hub_caches,
        endpoints=endpoints(announced_addresses(config)),
        worker_command=lambda spec, replica: (
            *(interpreter(spec, config.envs_dir), "-m", "server", "worker"),
            *("--key", spec.key, "--replica", str(replica), *_changed_options(config, spec)),
        ),
        download_command=(sys.executable, "-m", "server", "download", "--key"),
        environ=dict(os.environ),
        load_all=not config.lazy_load,
        restore_attempts=config.restore_attempts,
        restore_pause=config.restore_pause,
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=named_keys(config, run_dir),
        keys_file=config.keys_file,
        default_quota=config.default_quota,
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
        grpc_compression=config.grpc_compression,
        max_frame_bytes=frame_bytes(config),
        build=config.build or commit_of(ROOT),
        metrics_keys=config.metrics_keys,
        fields=announced,
        stop_grace=config.stop_grace,
        gpus=BoardSettings(tolerance_bytes=round(config.release_tolerance * MIB), release_wait=config.release_wait),
        gpu_lists=config.gpu_lists,
        log_level=config.log_level,
        traces=(config.traces.endpoint, config.traces.queue) if config.traces is not None else None,
        audit=AuditSettings(
            config.state_dir,
            config.audit_max_mib * 1024 * 1024,
            config.audit_days,
            (*config.openai_keys, *config.admin_keys, config.hf_token),
        ),
    )
    # Pas uvloop : un téléchargement lancé sous lui est mort une fois du signal 11 ; son fork, à côté des fils de gRPC,
    # est le suspect, et asyncio emploie vfork. Ce processus n'est pas sur le chemin des données.
    return asyncio.run(run(settings))


def _changed_options(config: Config, spec: ModelSpec) -> list[str]:
    """Arguments qui disent à un exemplaire les options changées depuis le profil."""
    known = config.profile.model(spec.key)
    before = known.options if known is not None else {}
    changed = {name: value for name, value in spec.options.items() if before.get(name) != value}
    return ["--options", json.dumps(changed)] if changed else []
