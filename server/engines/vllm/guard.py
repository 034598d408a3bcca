"""Ce qu'aucun appelant n'obtient de vLLM, quoi qu'un front ait laissé passer.

Le front refuse déjà d'après la même liste (`server/chat_fields.py`), avec plus de détail.
"""

from typing import Any

from server.chat_fields import PARTS, check_fields, check_part
from server.errors import InvalidRequest, UnsupportedOption


def check(body: Any, *, remote_media: bool) -> dict[str, Any]:
    """Vérifie le corps d'une requête, et le rend.

    `remote_media` laisse passer les adresses http(s), que vLLM confronte à la liste du profil.

    Raises:
        InvalidRequest: le corps n'est pas un objet, ou un message est illisible.
        UnsupportedOption: champ, morceau ou adresse refusé, nommé par `metadata["field"]`.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("Le corps de la requête doit être un objet JSON.")
    check_fields(body)
    if body.get("best_of") not in (None, body.get("n") or 1):
        raise _refused("best_of", "ce moteur ne trie pas ses réponses ; laissez best_of égal à n.")
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        _check_message(message, f"messages[{index}]", remote_media)
    return body


def _check_message(message: Any, path: str, remote_media: bool) -> None:
    if not isinstance(message, dict):
        raise InvalidRequest(f"{path} : un objet est attendu.", metadata={"field": path})
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        where = f"{path}.content[{index}]"
        if not isinstance(part, dict) or part.get("type") not in PARTS:
            raise _refused(f"{where}.type", f"morceaux acceptés : {', '.join(PARTS)}.")
        check_part(part, where, remote_media=remote_media)


def _refused(field: str, why: str) -> UnsupportedOption:
    return UnsupportedOption(f"{field} : {why}", metadata={"field": field})
