"""Ce qu'aucun appelant n'obtient de vLLM, quoi qu'un front ait laissé passer.

La table est celle du front (`server/chat_fields.py` et `fields.py`) ; le front a déjà vérifié valeurs et bornes.
"""

from typing import Any

from server.chat_fields import OPENAI, PARTS, check_part, screen
from server.engines.base import ChatKind
from server.engines.vllm.fields import FIELDS
from server.errors import InvalidRequest, UnsupportedOption

_TABLES = {kind: {**OPENAI[kind], **FIELDS.refused} for kind in ChatKind}


def check(kind: ChatKind, body: Any, *, remote_media: bool) -> dict[str, Any]:
    """Vérifie le corps d'une requête, et rend ce que vLLM doit en voir.

    `remote_media` laisse passer les adresses http(s), que vLLM confronte à la liste du profil.

    Raises:
        InvalidRequest: le corps n'est pas un objet, ou un message est illisible.
        UnsupportedOption: champ, morceau ou adresse refusé, nommé par `metadata["field"]`.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("Le corps de la requête doit être un objet JSON.")
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        _check_message(message, f"messages[{index}]", remote_media)
    return screen(_TABLES[kind], body, FIELDS.extras_of(kind))[0]


def _check_message(message: Any, path: str, remote_media: bool) -> None:
    if not isinstance(message, dict):
        raise InvalidRequest(f"{path} : un objet est attendu.", metadata={"field": path})
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        where = f"{path}.content[{index}]"
        if not isinstance(part, dict) or part.get("type") not in PARTS:
            raise UnsupportedOption(
                f"{where}.type : morceaux acceptés : {', '.join(PARTS)}.", metadata={"field": f"{where}.type"}
            )
        check_part(part, where, remote_media=remote_media)
