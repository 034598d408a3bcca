"""Ce qu'aucun appelant n'obtient d'un moteur de conversation : une seule liste, lue par les fronts et par les moteurs.

Le front s'en sert pour répondre aussitôt ; un moteur la relit, car il ne se fie à personne.
"""

from collections.abc import Mapping
from typing import Any

from server.errors import InvalidRequest, UnsupportedOption

REFUSED = (
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
)
"""Champs qui donneraient la main sur le serveur (gabarit, chemins, vecteurs), ou sur les requêtes des autres."""
TEMPLATE_SWITCHES = ("enable_thinking", "thinking")
"""Seules clés admises dans `chat_template_kwargs`, booléennes : les autres nomment des variables du gabarit."""
PARTS = ("text", "refusal", "image_url")
"""Morceaux de contenu admis."""


def check_fields(body: Mapping[str, Any]) -> None:
    """Refuse ce qu'une requête ne règle jamais ; nul ou faux vaut absent.

    Raises:
        InvalidRequest: `chat_template_kwargs` n'est pas un objet.
        UnsupportedOption: champ refusé, nommé par `metadata["field"]`.
    """
    for name in REFUSED:
        value = body.get(name)
        if value is not None and value is not False:
            raise _refused(name, "ce champ n'est pas accepté.")
    switches = body.get("chat_template_kwargs")
    if switches is None:
        return
    if not isinstance(switches, dict):
        raise _wrong("chat_template_kwargs", "un objet est attendu")
    for name, value in switches.items():
        if name not in TEMPLATE_SWITCHES or not isinstance(value, bool):
            admitted = ", ".join(TEMPLATE_SWITCHES)
            raise _refused(f"chat_template_kwargs.{name}", f"seuls {admitted} sont admis, et booléens.", limit=admitted)


def check_part(part: Mapping[str, Any], path: str, *, remote_media: bool = False) -> None:
    """Refuse un morceau de message qui désigne autre chose que ce que porte la requête.

    `remote_media` laisse passer les adresses http(s) : au moteur de les confronter à la liste du profil.

    Raises:
        InvalidRequest: image sans adresse.
        UnsupportedOption: image du cache, adresse distante ou fichier.
    """
    if part.get("type") != "image_url":
        if "image_url" in part:
            raise _refused(f"{path}.image_url", "ce champ n'est admis que dans un morceau « image_url ».")
        return
    # Un `uuid` désigne une image du cache, peut-être celle d'un autre appelant.
    if part.get("uuid") is not None:
        raise _refused(f"{path}.uuid", "ce champ n'est pas accepté.")
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    where = f"{path}.image_url.url"
    if not isinstance(url, str):
        raise _wrong(where, "une chaîne est attendue")
    scheme, mark, _ = url.partition(":")
    scheme = scheme.lower() if mark else ""
    if scheme != "data" and not (remote_media and scheme in ("http", "https")):
        raise _refused(
            where,
            f"aucune adresse distante ni aucun fichier n'est suivi ; placez l'image dans la requête "
            f"(data:image/png;base64,…). Reçu : {url[:40]}.",
            value=url[:40],
        )


def _wrong(field: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{field} : {why}.", metadata={"field": field})


def _refused(field: str, why: str, **metadata: str) -> UnsupportedOption:
    return UnsupportedOption(f"{field} : {why}", metadata={"field": field, **metadata})
