"""Les étapes de l'ouverture de vLLM, lues dans ses propres journaux.

Le modèle s'ouvre dans des processus de vLLM, dont rien d'autre ne sort. Le temps du chargement, la configuration de
journal qu'ils reçoivent (`VLLM_LOGGING_CONFIG_PATH`) compte un récepteur de plus : il reconnaît le texte fixe de
quelques lignes et le dit par un tube nommé. Ce qui ne se reconnaît pas n'est pas dit, et rien n'en dépend.
"""

import contextlib
import copy
import json
import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from server.engines.base import LoadPhase, OnPhase

SIGNALS = {
    "Starting to load model": LoadPhase.LOADING_WEIGHTS,
    "Loading model from scratch": LoadPhase.LOADING_WEIGHTS,
    "Model loading took": LoadPhase.PROFILING,
    "Starting torch.compile": LoadPhase.COMPILING,
    "for vLLM's torch.compile": LoadPhase.COMPILING,
    "vLLM's torch.compile cache is disabled": LoadPhase.COMPILING,
    "Directly load AOT compilation": LoadPhase.COMPILING,
    "Dynamo bytecode transform time": LoadPhase.COMPILING,
    "Warming up model for the compilation": LoadPhase.COMPILING,
    "torch.compile took": LoadPhase.PROFILING,
    "Profiling CUDA graph memory": LoadPhase.CAPTURING_GRAPHS,
    "KV cache size: %s tokens": LoadPhase.ALLOCATING_CACHE,
}
"""Texte d'une ligne de vLLM, avant que ses valeurs n'y entrent, et l'étape qu'elle ouvre (vLLM 0.26.0 et 0.32.0)."""

_CONFIG = "VLLM_LOGGING_CONFIG_PATH"
_CONFIGURE = "VLLM_CONFIGURE_LOGGING"
_END = b"\n"


class SignalHandler(logging.Handler):
    """Récepteur posé dans chaque processus de vLLM."""

    def __init__(self, pipe: str) -> None:
        super().__init__(logging.INFO)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Dit l'étape qu'ouvre une ligne ; en silence si plus personne n'écoute."""
        phase = phase_of(str(record.msg))
        if phase is None:
            return
        with contextlib.suppress(OSError):
            # Sans attendre : après le chargement, le tube n'existe plus.
            pipe = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(pipe, f"{phase}\n".encode())
            finally:
                os.close(pipe)


def phase_of(text: str) -> LoadPhase | None:
    """Étape qu'ouvre une ligne, si elle en ouvre une."""
    return next((phase for signal, phase in SIGNALS.items() if signal in text), None)


@contextlib.contextmanager
def told(on_phase: OnPhase, logging_config: Mapping[str, Any]) -> Iterator[None]:
    """Dit les étapes pendant que vLLM s'ouvre.

    Sans effet si l'exploitant a sa propre configuration de journal.

    Args:
        on_phase: appelée d'un fil à part, à chaque changement d'étape.
        logging_config: configuration de journal que vLLM aurait prise, à la forme de `dictConfig`.
    """
    if _CONFIG in os.environ or os.environ.get(_CONFIGURE, "1") == "0":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="passerelle-vllm-") as folder:
        pipe, config = Path(folder) / "signals", Path(folder) / "logging.json"
        os.mkfifo(pipe, 0o600)
        config.write_text(json.dumps(_with_handler(logging_config, str(pipe))), encoding="utf-8")
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        # Tant que ce bout est ouvert, le lecteur ne voit pas de fin entre deux processus.
        held = os.open(pipe, os.O_WRONLY)
        os.set_blocking(reading, True)
        listening = threading.Thread(target=_listen, args=(reading, on_phase), name="vllm-signals", daemon=True)
        listening.start()
        os.environ[_CONFIG] = str(config)
        try:
            yield
        finally:
            del os.environ[_CONFIG]
            # Un mot, et non la fermeture : un processus de vLLM né d'un fork tiendrait encore ce bout.
            os.write(held, _END)
            listening.join()
            os.close(held)


def _listen(pipe: int, on_phase: OnPhase) -> None:
    last: LoadPhase | None = None
    with os.fdopen(pipe, "rb") as lines:
        for line in iter(lines.readline, _END):
            phase = LoadPhase(line.decode().strip())
            # Avec des graphes, le cache et les noyaux ne sont que le début de leur enregistrement.
            if last is LoadPhase.CAPTURING_GRAPHS and phase is LoadPhase.ALLOCATING_CACHE:
                continue
            # Plusieurs processus disent la même chose.
            if phase is not last:
                last = phase
                on_phase(phase)


def _with_handler(config: Mapping[str, Any], pipe: str) -> dict[str, Any]:
    """Configuration complétée ; ce que vLLM écrit ne change pas, chaque récepteur gardant son niveau."""
    found: dict[str, Any] = copy.deepcopy(dict(config))
    found["handlers"]["passerelle"] = {"()": f"{__name__}.{SignalHandler.__name__}", "pipe": pipe}
    ours = found["loggers"]["vllm"]
    ours["handlers"] = [*ours["handlers"], "passerelle"]
    if logging.getLevelName(ours["level"]) > logging.INFO:
        ours["level"] = "INFO"
    return found
