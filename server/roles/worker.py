"""Un exemplaire d'un modèle."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from server.control.weights.cache import model_dir
from server.control.weights.in_use import use
from server.engines.base import EngineSpec, TrialBounds
from server.engines.registry import engine_factory
from server.roles.shared import asked_model, frame_bytes
from server.settings.config import Config
from server.settings.environments import activate
from server.worker.main import WorkerSettings, run


def worker(config: Config, run_dir: Path, key: str, replica: int, changed: Mapping[str, Any]) -> int:
    """Mène un exemplaire ; `changed` : les options du moteur qui ne sont pas celles du profil."""
    spec = asked_model(config, key)
    if spec is None:
        return 2
    use(model_dir(config.cache_dir, spec))
    activate()
    name = f"{key}-{replica}"
    settings = WorkerSettings(
        worker_id=name,
        engine=engine_factory(spec.engine),
        spec=EngineSpec(
            model_key=key,
            model_dir=model_dir(config.cache_dir, spec),
            options={**spec.options, **changed},
            threads=config.threads,
            device="cuda" if spec.requires_gpu else "cpu",
            trials=TrialBounds(config.limits.max_grammar_seconds, config.limits.max_grammar_memory_bytes),
        ),
        socket_path=run_dir / f"{name}.sock",
        status_path=run_dir / f"{name}.status.jsonl",
        max_waiting=spec.max_waiting,
        max_frame_bytes=frame_bytes(config),
        stop_grace=config.stop_grace,
        spool_dir=run_dir / "spool",
        limits=config.limits,
        freeze_heap=True,
    )
    code = uvloop.run(run(settings))
    # Défaire torch et vLLM prend à l'interpréteur jusqu'à des dizaines de secondes, la mémoire du GPU toujours prise ;
    # tout est fermé, et la fin du processus rend le reste.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
