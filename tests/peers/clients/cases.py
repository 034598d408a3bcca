"""Ce que chaque client du dehors essaie, et ce qu'il en dit : une ligne JSON par essai.

Joué dans l'environnement d'un client, où rien d'autre de ce dépôt n'est importable.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}
QUESTION = "What is the capital of France? Is it a large city?"
TOO_LONG = "word " * 3000


class Absent(Exception):
    """La bibliothèque n'a rien pour cela."""


@dataclass(frozen=True)
class Server:
    """Où, avec quelle clé, et de quoi parler."""

    url: str
    key: str
    speech: str


def refused(kind: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], Any]) -> str:
    """Nom public de l'erreur typée que cet appel lève ; toute autre passe."""
    try:
        call()
    except kind as error:
        return next(each.__name__ for each in type(error).__mro__ if not each.__name__.startswith("_"))
    raise AssertionError("aucune erreur")


def spoken(parts: Iterator[Any]) -> str:
    """Nombre de morceaux d'un texte reçu au fil de l'eau, qui doit en avoir plusieurs."""
    found = [part for part in parts if part]
    assert len(found) > 2, found
    return ""


def city(value: Mapping[str, Any]) -> str:
    """Vérifie une réponse qui doit tenir un schéma."""
    assert isinstance(value["city"], str) and isinstance(value["large"], bool), value
    return ""


def play(cases: Callable[[Server], Mapping[str, Callable[[], str]]]) -> None:
    """Joue les essais nommés sur la ligne de commande, ou tous ; `__main__` d'un client."""
    url, key, speech, *names = sys.argv[1:]
    found = cases(Server(url, key, speech))
    for name in names or found:
        try:
            result: dict[str, Any] = {"works": True, "said": found[name]()}
        except Absent as error:
            result = {"works": None, "said": str(error)}
        except Exception as error:
            result = {"works": False, "said": f"{type(error).__name__} : {error}"}
        print(json.dumps({"case": name} | result, ensure_ascii=False), flush=True)
