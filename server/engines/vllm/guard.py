"""Ce qu'aucun appelant n'obtient de vLLM, quoi qu'un front ait laissé passer.

Le front refuse déjà l'essentiel avec plus de détail ; ici, le moteur ne se fie à personne.
"""

from collections.abc import Mapping
from typing import Any

from server.errors import InvalidRequest, UnsupportedOption

REFUSED = frozenset(
    {
        "chat_template",
        "prompt_embeds",
        "mm_processor_kwargs",
        "media_io_kwargs",
        "mm_payload",
        "return_mm_kwargs",
        "documents",
        "kv_transfer_params",
        "ec_transfer_params",
        "vllm_xargs",
        "request_id",
        "session_id",
        "use_beam_search",
        "return_prompt_text",
        "routed_experts_prompt_start",
        "logits_processors",
    }
)
"""Champs qui donneraient la main sur le serveur, ou sur les requêtes des autres."""
TEMPLATE_SWITCHES = frozenset({"enable_thinking", "thinking"})
"""Seules clés admises dans `chat_template_kwargs`, booléennes : les autres nomment des variables du gabarit."""
PARTS = frozenset({"text", "refusal", "image_url"})
"""Morceaux de contenu admis."""


def check(body: Any, *, remote_media: bool) -> dict[str, Any]:
    """Vérifie le corps d'une requête, et le rend.

    `remote_media` laisse passer les adresses http(s), que vLLM confronte à la liste du profil.

    Raises:
        InvalidRequest: le corps n'est pas un objet, ou un message est illisible.
        UnsupportedOption: champ, morceau ou adresse refusé, nommé par `metadata["field"]`.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("Le corps de la requête doit être un objet JSON.")
    for name in REFUSED & body.keys():
        if body[name] is not None and body[name] is not False:
            raise _refused(name, "ce champ n'est pas accepté.")
    switches = body.get("chat_template_kwargs") or {}
    for name, value in switches.items() if isinstance(switches, dict) else [("", None)]:
        if name not in TEMPLATE_SWITCHES or not isinstance(value, bool):
            where = f"chat_template_kwargs.{name}".rstrip(".")
            raise _refused(where, f"seuls {', '.join(sorted(TEMPLATE_SWITCHES))} sont admis, et booléens.")
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
            raise _refused(f"{where}.type", f"morceaux acceptés : {', '.join(sorted(PARTS))}.")
        if part["type"] == "image_url":
            _check_image(part, where, remote_media)
        elif "image_url" in part:
            raise _refused(f"{where}.image_url", "ce champ n'est admis que dans un morceau « image_url ».")


def _check_image(part: Mapping[str, Any], path: str, remote_media: bool) -> None:
    # Un `uuid` désigne une image du cache, peut-être celle d'un autre appelant.
    if part.get("uuid") is not None:
        raise _refused(f"{path}.uuid", "ce champ n'est pas accepté.")
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    where = f"{path}.image_url.url"
    if not isinstance(url, str):
        raise InvalidRequest(f"{where} : une chaîne est attendue.", metadata={"field": where})
    scheme = url.partition(":")[0].lower()
    if scheme == "data" or (remote_media and scheme in ("http", "https")):
        return
    raise _refused(
        where,
        f"aucune adresse distante ni aucun fichier n'est suivi ; placez l'image dans la requête "
        f"(data:image/png;base64,…). Reçu : {url[:40]}.",
    )


def _refused(field: str, why: str) -> UnsupportedOption:
    return UnsupportedOption(f"{field} : {why}", metadata={"field": field})
