"""Le lecteur de tables : chaque sorte de champ, chaque borne, chaque refus."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from server.engines.common.options import read_options
from server.errors import ModelLoadFailed
from server.tables import FieldRefused, read_table


@dataclass(frozen=True, slots=True)
class Inner:
    """Table dans une table."""

    size: int


@dataclass(frozen=True, slots=True)
class Outer:
    """Une sorte de champ par ligne."""

    text: str = ""
    flag: bool = False
    count: int = field(default=4, metadata={"minimum": 1})
    share: float = field(default=0.5, metadata={"above": 0, "maximum": 1})
    limit: int | None = field(default=None, metadata={"minimum": 16, "maximum": 64})
    names: tuple[str, ...] = ()
    kind: Literal["", "petit", "grand"] = ""
    inner: Inner = Inner(1)

    def __post_init__(self) -> None:
        if self.text and self.names and self.text not in self.names:
            raise FieldRefused("text", "absent de names", ", ".join(self.names), self.text)


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({"text": 3}, "text", "un texte est attendu, reçu : 3 (int)"),
        ({"text": None}, "text", "un texte est attendu, reçu : None (NoneType)"),
        ({"flag": "non"}, "flag", "true ou false est attendu, reçu : 'non' (str)"),
        ({"flag": 0}, "flag", "true ou false est attendu, reçu : 0 (int)"),
        ({"count": "4"}, "count", "un entier est attendu, reçu : '4' (str)"),
        ({"count": True}, "count", "un entier est attendu, reçu : True (bool)"),
        ({"count": 1.0}, "count", "un entier est attendu, reçu : 1.0 (float)"),
        ({"count": 0}, "count", "un entier, 1 ou plus, est attendu, reçu : 0 (int)"),
        ({"count": -3}, "count", "un entier, 1 ou plus, est attendu, reçu : -3 (int)"),
        ({"share": 0}, "share", "un nombre, plus de 0, 1 au plus, est attendu, reçu : 0.0 (float)"),
        ({"share": 1.5}, "share", "un nombre, plus de 0, 1 au plus, est attendu, reçu : 1.5 (float)"),
        ({"share": float("nan")}, "share", "un nombre, plus de 0, 1 au plus, est attendu, reçu : nan (float)"),
        ({"limit": 15}, "limit", "un entier, 16 ou plus, 64 au plus, est attendu, reçu : 15 (int)"),
        ({"limit": "16"}, "limit", "un entier est attendu, reçu : '16' (str)"),
        ({"names": "a"}, "names", "une liste de textes est attendue, reçu : 'a' (str)"),
        ({"names": ["a", 1]}, "names", "une liste de textes est attendue, reçu : ['a', 1] (list)"),
        ({"kind": "moyen"}, "kind", "« moyen » inconnu (attendu : petit, grand)"),
        ({"kind": 1}, "kind", "« 1 » inconnu (attendu : petit, grand)"),
        ({"inner": 1}, "inner", "une table est attendue, reçu : 1 (int)"),
        ({"inner": {"size": -1}}, "inner.size", "un entier, 0 ou plus, est attendu, reçu : -1 (int)"),
        ({"text": "c", "names": ["a", "b"]}, "text", "absent de names"),
    ],
)
def test_a_refused_field_says_what_was_expected_and_received(entry: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        read_table("essai.toml", entry, Outer)
    assert str(refused.value) == f"essai.toml.{field} : {said}."
    assert refused.value.field == f"essai.toml.{field}"
    # Un moteur dit la même chose, à la forme de ses erreurs.
    with pytest.raises(ModelLoadFailed) as failed:
        read_options(Outer, entry)
    assert failed.value.message == f"options.{field} : {said}."
    assert failed.value.metadata["field"] == f"options.{field}"
    assert failed.value.metadata["limit"] == refused.value.expected != ""
    assert failed.value.metadata["value"] == str(refused.value.value)


def test_an_unknown_or_missing_field_is_named() -> None:
    with pytest.raises(
        FieldRefused, match=r"^t\.taille : champ inconnu \(connus : count, flag, inner, .*\)\.$"
    ) as unknown:
        read_table("t", {"taille": 1}, Outer)
    assert unknown.value.field == "t.taille"
    with pytest.raises(FieldRefused, match=r"^t\.inner : champ manquant size\.$"):
        read_table("t", {"inner": {}}, Outer)


def test_what_fits_is_read() -> None:
    entry = {"count": 1, "share": 1, "limit": 64, "names": ["a"], "kind": "petit", "inner": {"size": 0}}
    read = read_table("t", entry, Outer)
    assert read == Outer(count=1, share=1.0, limit=64, names=("a",), kind="petit", inner=Inner(0))
    assert isinstance(read.share, float) and read_table("t", {}, Outer) == Outer()
