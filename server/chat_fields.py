"""Ce que devient chaque champ d'une requête de texte : une seule table, lue par les fronts et par les moteurs.

Elle dit, pour `/v1/chat/completions` et `/v1/completions`, ce qui est honoré, admis sans effet, ou refusé. Un moteur y
ajoute les siens dans son `fields.py` (`EngineFields`) ; un champ qui n'est nulle part est refusé, par son nom. Le front
s'en sert pour répondre aussitôt ; un moteur peut la relire, car il ne se fie à personne. docs/champs.md en est tenue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from server.errors import InvalidRequest, UnsupportedOption
from server.shown import shown


class Use(StrEnum):
    """Sort d'un champ."""

    HONORED = "honoré"
    IGNORED = "sans effet"
    """Admis, puis retiré : le moteur ne le voit pas."""
    REFUSED = "refusé"


class Type(StrEnum):
    """Type d'un champ que rien d'autre ne vérifie."""

    ANY = ""
    TEXT = "une chaîne"
    BOOLEAN = "un booléen"
    INTEGER = "un entier"
    NUMBER = "un nombre"
    OBJECT = "un objet"
    LIST = "une liste"
    TOKENS = "une liste de jetons"
    TEXTS = "une liste de chaînes"


_TYPES: dict[Type, tuple[type, ...]] = {
    Type.TEXT: (str,),
    Type.BOOLEAN: (bool,),
    Type.INTEGER: (int,),
    Type.OBJECT: (dict,),
    Type.LIST: (list,),
}


@dataclass(frozen=True, slots=True)
class Field:
    """Sort d'un champ, et ce qu'il contient."""

    use: Use = Use.HONORED
    type: Type = Type.ANY
    """Type d'un champ sans effet ; celui d'un champ honoré est vérifié avec ses bornes."""
    inside: Mapping[str, "Field"] | None = None
    """Champs de l'objet, ou de chaque objet de la liste ; `None` laisse passer ce qu'il y a dedans."""
    neutral: tuple[Any, ...] = ()
    """Valeurs d'un champ refusé qui ne demandent rien : elles valent absent."""
    why: str = ""
    """Raison d'un refus."""


@dataclass(frozen=True, slots=True)
class Extra:
    """Champ de plus qu'un moteur admet."""

    type: Type = Type.ANY
    """Type ; vide s'il est vérifié avec les grammaires."""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    """Borne exclue."""
    limit: str = ""
    """Limite réglable (`server/domain.py`) qui borne la valeur, ou la longueur de la liste."""
    chat: bool = True
    completion: bool = True
    sent_as: str = ""
    """Nom qu'il a chez le moteur, si c'en est un autre."""
    inside: Mapping[str, Field] | None = None
    """Champs de l'objet, s'ils sont ceux d'un champ d'OpenAI."""


@dataclass(frozen=True, slots=True)
class EngineFields:
    """Ce qu'une famille de moteurs fait d'autre que la table commune."""

    extras: Mapping[str, Extra] = field(default_factory=dict)
    """Champs de plus, par leur chemin (`top_k`, `structured_outputs.regex`)."""
    refused: Mapping[str, Field] = field(default_factory=dict)
    """Champs d'OpenAI que ces moteurs n'ont pas."""
    partial_schemas: bool = False
    """Leur bibliothèque de grammaires laisse tomber des mots clés selon leurs voisins
    (`server/front/chat/partial_schemas.py`)."""
    null_usage: bool = False
    """Chaque trame d'un flux décompté dit `"usage":null`, comme chez OpenAI."""

    def extras_of(self, kind: str) -> Mapping[str, Extra]:
        """Champs de plus d'une conversation (`chat`) ou d'une complétion (`completion`)."""
        return {name: extra for name, extra in self.extras.items() if getattr(extra, kind)}


def _ignored(kind: Type) -> Field:
    return Field(Use.IGNORED, kind)


def _refused(why: str, *neutral: Any) -> Field:
    return Field(Use.REFUSED, neutral=neutral, why=why)


_FUNCTIONS = "remplacé par tools et tool_choice"
_SHARED = {
    **dict.fromkeys(("model", "temperature", "top_p", "n", "seed", "stop", "max_tokens", "logit_bias"), Field()),
    **dict.fromkeys(("presence_penalty", "frequency_penalty", "logprobs", "stream"), Field()),
    "stream_options": Field(
        inside={"include_usage": Field(), "include_obfuscation": _ignored(Type.BOOLEAN)},
    ),
    **dict.fromkeys(
        ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"),
        _ignored(Type.TEXT),
    ),
    **dict.fromkeys(("metadata", "prompt_cache_options", "prediction"), _ignored(Type.OBJECT)),
    "store": _ignored(Type.BOOLEAN),
}
_FUNCTION_NAME = Field(inside={"name": Field()})
_PART = {
    "type": Field(),
    "text": Field(),
    "refusal": Field(),
    "image_url": Field(inside={"url": Field(), "detail": Field()}),
    # Ceux qu'ajoutent le cache d'OpenAI, et ses réponses quand un client les renvoie telles quelles.
    "prompt_cache_breakpoint": _ignored(Type.OBJECT),
    "annotations": _ignored(Type.LIST),
}
_CALL = {
    "id": Field(),
    "type": Field(),
    "index": _ignored(Type.INTEGER),
    "function": Field(inside={"name": Field(), "arguments": Field(), "parsed_arguments": _ignored(Type.ANY)}),
}
_MESSAGE = {
    **dict.fromkeys(("role", "name", "tool_call_id", "refusal", "reasoning", "reasoning_content"), Field()),
    "content": Field(inside=_PART),
    "tool_calls": Field(inside=_CALL),
    "annotations": _ignored(Type.LIST),
    "parsed": _ignored(Type.ANY),
    "audio": _refused("aucun modèle n'entend une réponse parlée"),
    "function_call": _refused("remplacé par tool_calls"),
}
RESPONSE_FORMAT: Mapping[str, Field] = {
    "type": Field(),
    "json_schema": Field(inside=dict.fromkeys(("name", "description", "schema", "strict"), Field())),
}
"""Forme imposée à une réponse ; une complétion d'OpenAI n'en a pas."""
OPENAI: Mapping[str, Mapping[str, Field]] = {
    "chat": {
        **_SHARED,
        **dict.fromkeys(("max_completion_tokens", "top_logprobs", "parallel_tool_calls", "reasoning_effort"), Field()),
        "messages": Field(inside=_MESSAGE),
        "response_format": Field(inside=RESPONSE_FORMAT),
        "tools": Field(
            inside={
                "type": Field(),
                "function": Field(inside=dict.fromkeys(("name", "description", "parameters", "strict"), Field())),
            }
        ),
        "tool_choice": Field(inside={"type": Field(), "function": _FUNCTION_NAME}),
        "functions": _refused(_FUNCTIONS, []),
        "function_call": _refused(_FUNCTIONS, "none"),
        "modalities": _refused("une réponse n'est que du texte", ["text"]),
        "audio": _refused("une réponse n'est que du texte"),
        "moderation": _refused("ce serveur ne modère rien"),
        "verbosity": _refused("aucun moteur ne règle la longueur ainsi", "medium"),
        "web_search_options": _refused("ce serveur ne cherche rien en ligne"),
    },
    "completion": {
        **_SHARED,
        **dict.fromkeys(("prompt", "echo", "suffix"), Field()),
        "best_of": Field(Use.IGNORED, Type.INTEGER),
    },
}
"""Table commune. `best_of` n'est admis qu'égal à `n` (`server/front/chat/request.py`), donc sans effet."""

TEMPLATE_SWITCHES = ("enable_thinking", "thinking")
"""Seules clés admises dans `chat_template_kwargs`, booléennes : les autres nomment des variables du gabarit."""
PARTS = ("text", "refusal", "image_url")
"""Morceaux de contenu admis."""


def screen(
    table: Mapping[str, Field], data: Mapping[str, Any], extras: Mapping[str, Extra], path: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ce qui reste d'un objet, et ses champs de plus par leur chemin.

    Un champ nul vaut absent, un champ sans effet est retiré. Le type de ce qui est honoré est vérifié ailleurs.

    Raises:
        InvalidRequest: champ sans effet d'un autre type que le sien.
        UnsupportedOption: champ inconnu ou refusé, nommé par `metadata["field"]`.
    """
    kept: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for name, value in data.items():
        where = f"{path}.{name}" if path else name
        found = table.get(name)
        if value is None and not path:
            continue
        if found is None:
            if value is None:
                continue
            if where not in extras:
                raise _unsupported(where, "ce champ n'est pas accepté (docs/champs.md dit lesquels le sont).", value)
            more[where] = kept[name] = value
            if (inside := extras[where].inside) is not None:
                kept[name], inner = _screen_inside(inside, value, extras, where)
                more |= inner
            _inner(where, value, extras, more)
        elif found.use is Use.REFUSED:
            if value is not None and value not in found.neutral:
                raise _unsupported(where, f"ce champ n'est pas accepté : {found.why}.", value)
        elif found.use is Use.IGNORED:
            _check_type(where, found.type, value)
        elif found.inside is None:
            kept[name] = value
        else:
            kept[name], inner = _screen_inside(found.inside, value, extras, where)
            more |= inner
    return kept, more


def check_part(part: Mapping[str, Any], path: str, *, remote_media: bool = False) -> None:
    """Refuse un morceau de message qui désigne autre chose que ce que porte la requête.

    `remote_media` laisse passer les adresses http(s) : au moteur de les confronter à la liste du profil.

    Raises:
        InvalidRequest: image sans adresse.
        UnsupportedOption: adresse distante ou fichier.
    """
    if part.get("type") != "image_url":
        if "image_url" in part:
            where = f"{path}.image_url"
            raise UnsupportedOption(
                f"{where} : ce champ n'est admis que dans un morceau « image_url ».", metadata={"field": where}
            )
        return
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    where = f"{path}.image_url.url"
    if not isinstance(url, str):
        raise InvalidRequest(f"{where} : une chaîne est attendue.", metadata={"field": where})
    scheme, mark, _ = url.partition(":")
    scheme = scheme.lower() if mark else ""
    if scheme != "data" and not (remote_media and scheme in ("http", "https")):
        raise UnsupportedOption(
            f"{where} : aucune adresse distante ni aucun fichier n'est suivi ; placez l'image dans la requête "
            f"(data:image/png;base64,…). Reçu : {url[:40]}.",
            metadata={"field": where, "value": url[:40]},
        )


def _screen_inside(
    table: Mapping[str, Field], value: Any, extras: Mapping[str, Extra], path: str
) -> tuple[Any, dict[str, Any]]:
    if isinstance(value, dict):
        return screen(table, value, extras, path)
    if not isinstance(value, list):
        return value, {}
    kept: list[Any] = []
    more: dict[str, Any] = {}
    for index, item in enumerate(value):
        one, inner = _screen_inside(table, item, extras, f"{path}[{index}]")
        kept.append(one)
        more |= inner
    return kept, more


def _inner(path: str, value: Any, extras: Mapping[str, Extra], more: dict[str, Any]) -> None:
    """Champs d'un champ de plus : les siens seuls, s'il en a de dits."""
    if not isinstance(value, dict) or not any(name.startswith(f"{path}.") for name in extras):
        return
    for name, inner in value.items():
        where = f"{path}.{name}"
        if inner is None:
            continue
        if where not in extras:
            raise _unsupported(where, "ce champ n'est pas accepté (docs/champs.md dit lesquels le sont).", inner)
        more[where] = inner
        _inner(where, inner, extras, more)


def _check_type(where: str, expected: Type, value: Any) -> None:
    kinds = _TYPES.get(expected)
    if value is None or kinds is None:
        return
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        received = _received(value)
        raise InvalidRequest(
            f"{where} : {expected} est attendu{'e' if expected.startswith('une') else ''} (reçu : {received}).",
            metadata={"field": where, "value": received},
        )


def _unsupported(where: str, why: str, value: Any) -> UnsupportedOption:
    return UnsupportedOption(f"{where} : {why}", metadata={"field": where, "value": _received(value)})


def _received(value: Any) -> str:
    """Valeur reçue, abrégée sans lire ce qu'une liste ou un objet a de grand."""
    if isinstance(value, dict | list):
        return "un objet" if isinstance(value, dict) else "une liste"
    return shown(value if isinstance(value, str) else str(value))
