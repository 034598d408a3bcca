"""Du nom d'un moteur à ce qu'il fait des champs d'une requête de texte ; rien de lourd n'est importé.

Un moteur à soi (`paquet.module:fonction`) reçoit les champs d'OpenAI, et eux seuls.
"""

from collections.abc import Mapping

from server.chat_fields import EngineFields, Extra
from server.engines.llamacpp.fields import FIELDS as LLAMACPP
from server.engines.vllm.fields import FIELDS as VLLM

TABLES: Mapping[str, EngineFields] = {"vllm": VLLM, "llamacpp": LLAMACPP}
_NOTHING_MORE = EngineFields()


def fields_of(engine: str) -> EngineFields:
    """Champs propres à un moteur."""
    return TABLES.get(engine, _NOTHING_MORE)


def all_extras(kind: str) -> dict[str, Extra]:
    """Champs qu'un moteur au moins admet, dans une conversation (`chat`) ou une complétion (`completion`)."""
    return {name: extra for one in TABLES.values() for name, extra in one.extras_of(kind).items()}
