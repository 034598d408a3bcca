"""La lecture typée des champs d'un formulaire, complétés par ceux de l'adresse.

Les SDK officiels aplatissent listes et objets chacun à leur façon : `liste[]`, `liste[0]`, `objet[champ]`,
`objet.champ`. Toutes se lisent ici ; le nom tel qu'il est venu reste celui des refus.
"""

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from server.errors import UnsupportedOption
from server.front.audio.multipart import Fields
from server.front.checks import missing, refusal

_TRUE = ("true", "1")
_FALSE = ("false", "0")
_MAX_UINT32 = 2**32 - 1
_NESTED = re.compile(r"([^\[\].]+)(?:\[([^\[\]]*)\]|\.([^\[\].]+))")
"""Nom à un étage ; plus profond, aucun champ n'est attendu."""
_MAX_RANK_DIGITS = 6


class FormFields:
    """Champs lus un à un ; ceux que personne n'a lus sont refusés à la fin."""

    def __init__(self, fields: Fields, query: Message | None = None) -> None:
        self._fields = fields
        self._query = {d.name: value for d, value in query.ListFields()} if query is not None else {}
        self._read: set[str] = set()

    def text(self, name: str) -> str:
        """Valeur du champ, vide s'il est absent.

        Raises:
            InvalidRequest: champ présent plusieurs fois.
        """
        value = self._one(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """Valeur d'un champ obligatoire."""
        value = self.text(name)
        if not value:
            raise missing(name, "une valeur est attendue")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Valeur du champ, parmi `allowed`, ou vide."""
        value = self.text(name)
        if value and value not in allowed:
            listed = ", ".join(allowed)
            raise refusal(name, f"une de ces valeurs est attendue : {listed}", value, limit=listed)
        return value

    def boolean(self, name: str) -> bool:
        """Booléen du champ, faux s'il est absent."""
        return bool(self.optional_boolean(name))

    def optional_boolean(self, name: str) -> bool | None:
        """Booléen du champ, `None` s'il est absent."""
        value = self._one(name)
        if value is None or value == "":
            return None
        text = str(value).lower()
        if text not in _TRUE + _FALSE:
            raise refusal(name, "true ou false est attendu", value, limit="true, false")
        return text in _TRUE

    def integer(self, name: str) -> int | None:
        """Entier positif du champ, `None` s'il est absent."""
        value = self._one(name)
        if value is None or value == "":
            return None
        text = str(value)
        if not (text.isascii() and text.isdigit() and int(text[:12]) <= _MAX_UINT32):
            raise refusal(name, "un entier positif est attendu", text)
        return int(text)

    def number(self, name: str) -> float | None:
        """Nombre du champ, `None` s'il est absent."""
        value = self._one(name)
        if value is None or value == "":
            return None
        try:
            return float(value)
        except ValueError:
            raise refusal(name, "un nombre est attendu", value) from None

    def many(self, name: str) -> list[tuple[str, str]]:
        """Toutes les valeurs d'une liste, dans son ordre, chacune avec le nom sous lequel elle est venue.

        Sans aucune dans le formulaire, celles de l'adresse.

        Raises:
            InvalidRequest: un même rang présent plusieurs fois.
        """
        self._read.add(name)
        free = [(name, value) for value in self._fields.get(name, [])]
        ranked: list[tuple[int, str, str]] = []
        for sent, inner in self._inside(name):
            if not inner:
                free += [(sent, value) for value in self._fields[sent]]
            elif inner.isascii() and inner.isdigit() and len(inner) <= _MAX_RANK_DIGITS:
                ranked.append((int(inner), sent, self._one(sent)))
            else:
                continue
            self._read.add(sent)
        for before, after in zip(ranked := sorted(ranked), ranked[1:], strict=False):
            if before[0] == after[0]:
                raise refusal(after[1], "ce rang ne vient qu'une fois", after[2], limit=1)
        found = free + [(sent, value) for _, sent, value in ranked]
        return found or [(name, str(value)) for value in self._query.get(name, ())]

    def table(self, name: str) -> dict[str, str]:
        """Champs d'un objet aplati, vide s'il est absent ou s'il vient d'un bloc.

        Raises:
            InvalidRequest: un même champ présent plusieurs fois, ou l'objet venu aussi d'un bloc.
        """
        found: dict[str, str] = {}
        for sent, inner in self._inside(name):
            if not inner:
                continue
            if inner in found or name in self._fields:
                raise refusal(sent, "ce champ ne vient qu'une fois", self._fields[sent][0], limit=1)
            found[inner] = self._one(sent)
        return found

    def in_query(self, name: str) -> Any:
        """Valeur de l'adresse seule, `None` si elle est absente."""
        return self._query.get(name)

    def refuse_others(self, route: str) -> None:
        """Refuse tout champ que cette route n'a pas lu.

        Raises:
            UnsupportedOption: champ inconnu, ou que ce serveur ne sait pas honorer.
        """
        for name in self._fields:
            if name not in self._read:
                raise UnsupportedOption(
                    f"{name[:80]} : cette option n'est pas disponible sur {route}.", metadata={"field": name[:80]}
                )

    def _inside(self, name: str) -> list[tuple[str, str]]:
        """Champs venus dans `name` : leur nom entier, et celui qu'ils y ont."""
        nested = ((sent, _NESTED.fullmatch(sent)) for sent in self._fields)
        return [(sent, found[2] or found[3] or "") for sent, found in nested if found and found[1] == name]

    def _one(self, name: str) -> Any:
        self._read.add(name)
        values = self._fields.get(name)
        if not values:
            return self._query.get(name)
        if len(values) > 1:
            raise refusal(name, "ce champ ne vient qu'une fois", values[1], limit=1)
        return values[0]
