"""Du nom d'un moteur à ce qu'il fait des champs d'une requête de texte ; rien de lourd n'est importé.

Un moteur à soi (`paquet.module:fonction`) reçoit les champs d'OpenAI, et eux seuls.
"""

from collections.abc import Mapping

from server.chat_fields import OPENAI, EngineFields, Extra, Use
from server.engines.llamacpp.fields import FIELDS as LLAMACPP
from server.engines.vllm.fields import FIELDS as VLLM

TABLES: Mapping[str, EngineFields] = {"vllm": VLLM, "llamacpp": LLAMACPP}
_NOTHING_MORE = EngineFields()


def fields_of(engine: str) -> EngineFields:
    """Champs propres à un moteur."""
    return TABLES.get(engine, _NOTHING_MORE)


def announced(engine: str) -> dict[str, list[str]]:
    """Champs de plus, refusés et sans effet d'un moteur, conversation et complétion ensemble."""
    own = fields_of(engine)
    fates = {name: own.refused.get(name, found).use for table in OPENAI.values() for name, found in table.items()}
    return {
        "extra_fields": sorted(own.extras),
        "refused_fields": sorted(name for name, use in fates.items() if use is Use.REFUSED),
        "ignored_fields": sorted(name for name, use in fates.items() if use is Use.IGNORED),
    }


def all_extras(kind: str) -> dict[str, Extra]:
    """Champs qu'un moteur au moins admet, dans une conversation (`chat`) ou une complétion (`completion`)."""
    return {name: extra for one in TABLES.values() for name, extra in one.extras_of(kind).items()}
