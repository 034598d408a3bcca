"""Les parts des appelants : leurs réglages, et l'étiquette qui les porte."""

import pytest

from server.domain import Limits
from server.fair import share_of
from server.front.routing.shares import Shares
from server.roles.front import shares_of
from server.rpc.auth import Guard
from server.rpc.caller import Caller, caller
from server.settings.changes import change
from server.settings.config import load_config
from server.tables import ConfigError
from tests.unit.test_tokens import CHAT, GIVEN, verified

KEYED = {"PASSERELLE_PROFILE": "embarque", "OPENAI_KEYS": "un,deux,un", "ADMIN_KEYS": "deux,adm"}


def test_a_share_is_that_of_the_caller_the_guard_finds() -> None:
    config = load_config(KEYED | GIVEN | {"PASSERELLE_SHARES": "2=4 3=2 jeton:service-a=7 psl_4k7d2m9q=5"})
    given = shares_of(config)
    guard = Guard(config.openai_keys, config.admin_keys, tokens=config.tokens)
    shares = Shares(given)
    found = {}
    for name, metadata in {
        **{key: [("x-api-key", key)] for key in ("un", "deux", "adm")},
        "service-a": verified(sub="service-a"),
        "service-b": verified(sub="service-b"),
    }.items():
        caller.set(guard.check(CHAT, metadata))
        found[name] = share_of(shares.lane())
    caller.set(Caller("psl_4k7d2m9q"))
    assert share_of(shares.lane()) == 5
    assert found == {"un": 1, "deux": 4, "adm": 2, "service-a": 7, "service-b": 1}


def test_without_shares_a_label_is_left_alone() -> None:
    caller.set(Caller("k0"))
    assert Shares({}).lane() == Shares({"k1": 4}).lane() == "k0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4", "n'est pas de la forme rang=part"),
        ("un=4", "n'est pas de la forme rang=part"),
        ("1=", "n'est pas de la forme rang=part"),
        ("1=2.5", "n'est pas de la forme rang=part"),
        ("1=-2", "n'est pas de la forme rang=part"),
        ("psl_=2", "n'est pas de la forme rang=part"),
        ("jeton:=2", "n'est pas de la forme rang=part"),
        ("1=0", "la part 0 est hors des limites (1 à 1000)"),
        ("1=1001", "la part 1001 est hors des limites (1 à 1000)"),
        ("0=2", "pas de clé de rang 0"),
        ("4=2", "pas de clé de rang 4 ; OPENAI_KEYS puis ADMIN_KEYS en ont 3"),
        ("jeton:service-a=2", "aucun jeton n'est admis"),
    ],
)
def test_a_wrong_share_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(KEYED | {"PASSERELLE_SHARES": text})
    assert said in str(refused.value) and "PASSERELLE_SHARES" in str(refused.value)


def test_a_reload_replaces_the_fronts_alone() -> None:
    before = load_config(KEYED)
    wanted = change(before, load_config(KEYED | {"PASSERELLE_SHARES": "1=3"}))
    assert wanted.fronts and not wanted.dashboard and before.limits == Limits()
