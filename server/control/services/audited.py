"""Ce que le registre dit du plan de contrôle : l'état qu'un appel trouve, la fin d'une opération, les réglages."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.v1 import log_level_pb2

from server.control.life.model import ManagedModel
from server.control.models import Models
from server.control.record.operations import Operation
from server.control.services.log_level import LogLevels
from server.control.weights.cache import read_as, write_json
from server.domain import Limits, Profile

logger = logging.getLogger(__name__)

IN_FORCE = "audit-settings.json"
"""Réglages en vigueur à la dernière ligne : ce à quoi un démarrage compare les siens."""
_OPERATOR = {"caller": "operator", "address": "local"}
_TAG_CHARACTERS = 4
"""Assez pour voir qu'une clé a changé, trop peu pour en vérifier une."""


def looker(models: Models, levels: LogLevels) -> Callable[[Any], dict[str, Any] | None]:
    """De quoi dire l'état du modèle, ou de l'opération, qu'un message désigne."""

    def look(message: Any) -> dict[str, Any] | None:
        if isinstance(message, log_level_pb2.SetLogLevelRequest):
            return {"log_level": levels.name}
        named = getattr(message, "model", "")
        spec = models.profile.model(named) if named else None
        if spec is not None:
            return _state(models.get(spec.key))
        asked = getattr(message, "operation_id", "")
        running = (one for one in models if one.operation is not None and one.operation.id == asked)
        return next(({"model": one.spec.key, **_state(one)} for one in running), None) if asked else None

    return look


def _state(model: ManagedModel) -> dict[str, Any]:
    choices = model.choices
    return {
        "state": model.state.name,
        "weights": model.artifacts.complete,
        "replicas": {f"{model.spec.key}-{one.index}": list(one.gpus) for one in model.replicas},
        "wanted": {
            "gpus": list(choices.gpus),
            "replicas": choices.replicas,
            "pinned": choices.pinned,
            "idle_unload": choices.idle_unload,
            "options": dict(choices.options),
        },
    }


def ended(operation: Operation) -> dict[str, Any]:
    """Ligne de la fin d'une opération, qu'un appel, une requête ou le serveur l'ait voulue."""
    finished = operation.finished_at or operation.started_at
    return {
        "action": f"operation.{operation.kind.value.lower()}",
        "model": operation.model,
        "operation": operation.id,
        "outcome": operation.state.value,
        "reason": operation.failure.reason if operation.failure else "",
        "duration_ms": round((finished - operation.started_at) * 1000, 2),
    }


def in_force(profile: Profile, limits: Limits, keys: Mapping[str, Sequence[str]], **others: Any) -> dict[str, Any]:
    """Réglages en vigueur ; d'une clé, seulement de quoi voir qu'elle a changé."""
    said = {
        "profile": profile.name,
        "models": {model.key: dataclasses.asdict(model) for model in profile.models},
        "limits": dataclasses.asdict(limits),
        **{name: [_tag(key) for key in values] for name, values in keys.items()},
        **others,
    }
    found: dict[str, Any] = json.loads(json.dumps(said, default=str))
    return found


async def tell_settings(
    folder: Path, now: Mapping[str, Any], write: Callable[[Mapping[str, Any]], Awaitable[None]]
) -> None:
    """Écrit ce qu'un démarrage ou un rechargement a changé aux réglages ; rien s'ils sont les mêmes."""
    path = folder / IN_FORCE
    before: dict[str, Any] | None = read_as(path, lambda said: dict(said.items()), None)
    if before == now:
        return
    if before is None:
        was, is_ = None, {"profile": now["profile"], "models": sorted(now["models"])}
    else:
        old, new = dict(_flat(before)), dict(_flat(now))
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        was, is_ = ({name: side[name] for name in changed if name in side} for side in (old, new))
    await write({"action": "settings", "who": _OPERATOR, "before": was, "after": is_, "outcome": "OK"})
    try:
        write_json(path, now, mode=0o600)
    except OSError as error:
        logger.warning("audit_settings_not_kept", extra={"error": str(error)})


def _flat(value: Any, prefix: str = "") -> "list[tuple[str, Any]]":
    """Chaque réglage sous son chemin pointé."""
    if not isinstance(value, Mapping):
        return [(prefix, value)]
    return [pair for name, one in value.items() for pair in _flat(one, f"{prefix}.{name}" if prefix else name)]


def _tag(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_TAG_CHARACTERS]
