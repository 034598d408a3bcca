"""Des erreurs de vLLM, telles que sa façade OpenAI les écrit, aux nôtres ; n'importe pas vLLM."""

import re
from collections.abc import Mapping
from typing import Any

from server.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    PasserelleError,
    QueueFull,
    UnsupportedOption,
)

_RETRY_SECONDS = 1.0
_TOO_LONG = re.compile(
    r"maximum context length|maximum model length|cannot be greater than (max_model_len|max_total_tokens)\b"
)
"""Un contexte qui déborde, dit au découpage en jetons, au moteur, ou de la réponse demandée."""
_COUNTS = (
    r"for a total of (?:at least )?(\d+) tokens",
    r"contains (?:at least )?(\d+) input tokens",
    r"prompt \(length (\d+)\)",
    r"(?:is too large: |^max_\w+=)(\d+)",
)
"""Où il dit combien de jetons, du plus juste au moins."""


def translated(error: Mapping[str, Any], *, context_tokens: int, prompt: str) -> PasserelleError:
    """Erreur dont `error` donne le code HTTP (`code`), le texte (`message`) et parfois le champ (`param`).

    `context_tokens` est la longueur du contexte, et `prompt` le champ du texte de départ, que nomment les refus de trop
    longues requêtes.
    """
    code = int(error.get("code") or 500)
    detail = str(error.get("message") or "")
    metadata = {"detail": detail[:500]}
    if error.get("param"):
        metadata["field"] = str(error["param"])
    if code == 400 and _TOO_LONG.search(detail):
        counts = (found for pattern in _COUNTS if (found := re.search(pattern, detail)))
        value = next((int(found[1]) for found in counts), None)
        field = str(error.get("param") or "")
        return ContextLengthExceeded.of(field if field.startswith("max_") else prompt, context_tokens, value)
    if code == 501:
        return UnsupportedOption(f"Le moteur n'a pas cette option : {detail}", metadata=metadata)
    if code in (429, 503):
        return QueueFull("Le moteur est plein ; réessayez.", metadata=metadata, retry_after=_RETRY_SECONDS)
    if 400 <= code < 500:
        return InvalidRequest(f"Le moteur a refusé la requête : {detail}", metadata=metadata)
    return EngineFailed("Le moteur a raté cette requête.", metadata=metadata)


def invalid_field(location: tuple[int | str, ...], message: str) -> InvalidRequest:
    """Champ que le schéma de vLLM refuse, à l'endroit `location`."""
    field = ""
    for step in location:
        field += f"[{step}]" if isinstance(step, int) else f".{step}" if field else str(step)
    where = f"{field} : " if field else ""
    return InvalidRequest(f"{where}valeur refusée par le moteur ({message}).", metadata={"field": field})
