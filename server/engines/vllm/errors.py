"""Des erreurs de vLLM, telles que sa façade OpenAI les écrit, aux nôtres ; n'importe pas vLLM."""

from collections.abc import Mapping
from typing import Any

from server.errors import EngineFailed, InvalidRequest, PasserelleError, QueueFull, UnsupportedOption

_RETRY_SECONDS = 1.0


def translated(error: Mapping[str, Any], *, context_tokens: int) -> PasserelleError:
    """Erreur dont `error` donne le code HTTP (`code`), le texte (`message`) et parfois le champ (`param`).

    `context_tokens` est la longueur du contexte, que nomment les refus de trop longues requêtes.
    """
    code = int(error.get("code") or 500)
    detail = str(error.get("message") or "")
    metadata = {"detail": detail[:500]}
    if error.get("param"):
        metadata["field"] = str(error["param"])
    if error.get("param") == "input_tokens":
        limit = str(context_tokens)
        return InvalidRequest(
            f"La requête et la réponse demandée dépassent le contexte du modèle ({limit} jetons) : {detail}",
            metadata=metadata | {"field": "messages", "limit": limit},
        )
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
