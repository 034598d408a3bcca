"""Les clés nommées à la porte : chaque méthode du contrat devant chaque sorte de clé, et la table qui change."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from passerelle.v1 import route_pb2

from server.errors import (
    ExpiredApiKey,
    InvalidApiKey,
    MissingApiKey,
    ModelNotAllowed,
    PasserelleError,
    RevokedApiKey,
    ScopeNotAllowed,
)
from server.named_keys import KEYS, KeyTable, digest_of, new_value
from server.rpc.auth import SCOPE_OF, Guard, Metadata, permit_model
from server.rpc.caller import ADDRESS_HEADER, INFERENCE, PEER_HEADER
from server.rpc.contract import METHODS, POLICY
from server.rpc.tokens import ERROR_HEADER
from tests.support.named_keys import Issued, issued, save
from tests.unit.test_tokens import ADMITTED, verified

CHAT = "/passerelle.v1.ChatService/Chat"
LIST_KEYS = "/passerelle.v1.KeyService/ListKeys"
LOAD = "/passerelle.v1.AdminService/LoadModel"

UNGUARDED = {route_pb2.SCOPE_PUBLIC, route_pb2.SCOPE_STATUS, route_pb2.SCOPE_METRICS}
"""Portées qui n'exigent pas de clé ; les mesures ont leur garde à elles."""


def needed(method: str) -> set[str]:
    """Portées dont une ouvre la méthode."""
    match POLICY[method]:
        case route_pb2.SCOPE_MODELS:
            return {"chat", "transcribe", "diarize"}
        case route_pb2.SCOPE_KEYS:
            return {"admin"}
        case scope:
            return {name for name, found in SCOPE_OF.items() if found == scope}


def outcome(guard: Guard, method: str, key: Issued | None) -> str:
    """Motif du refus ; vide si l'appel passe."""
    return _outcome(guard, method, key.headers if key else [])


def _outcome(guard: Guard, method: str, headers: Metadata) -> str:
    try:
        guard.check(method, headers)
    except PasserelleError as error:
        return error.reason
    return ""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / KEYS


def guard_of(path: Path, *keys: Issued, admin: tuple[str, ...] = ()) -> Guard:
    save(path, keys)
    return Guard((), admin, named=KeyTable(path))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_before_every_kind_of_key(path: Path, method: str) -> None:
    every = {name: issued(name) for name in SCOPE_OF}
    revoked, expired = issued(*SCOPE_OF, ended="revoked"), issued(*SCOPE_OF, ended="expired")
    guard = guard_of(path, *every.values(), revoked, expired)
    wrong = replace(every["admin"], value=every["admin"].value[:-1] + "~")
    unknown = issued(*SCOPE_OF)
    refused = {None: "MISSING_API_KEY", wrong: "INVALID_API_KEY", unknown: "INVALID_API_KEY"}
    refused |= {revoked: "REVOKED_API_KEY", expired: "EXPIRED_API_KEY"}
    free = POLICY[method] in UNGUARDED
    for key, reason in refused.items():
        assert outcome(guard, method, key) == ("" if free else reason)
    for name, key in every.items():
        assert outcome(guard, method, key) == ("" if free or name in needed(method) else "SCOPE_NOT_ALLOWED"), name


@pytest.mark.parametrize("method", METHODS)
def test_every_method_before_a_token_of_each_scope(method: str) -> None:
    guard = Guard(("cle",), (), tokens=ADMITTED)
    free = POLICY[method] in UNGUARDED
    for name in SCOPE_OF:
        expected = "" if free or name in needed(method) else "SCOPE_NOT_ALLOWED"
        assert _outcome(guard, method, verified(scope=name)) == expected, name
    unverified = [
        (ADDRESS_HEADER, "198.51.100.7"),
        (ERROR_HEADER, "Jwt is expired"),
        ("authorization", "Bearer eyJ.e.e"),
    ]
    assert _outcome(guard, method, unverified) == ("" if free else "TOKEN_EXPIRED")


def test_a_caller_is_its_key(path: Path) -> None:
    key = issued("chat", "admin", models=("qwen",), owner="atelier")
    found = guard_of(path, key).check(CHAT, key.headers)
    assert (found.id, found.owner, found.keyed, found.models) == (key.key.id, "atelier", True, frozenset(("qwen",)))
    assert found.scopes == {route_pb2.SCOPE_CHAT, route_pb2.SCOPE_ADMIN}
    permit_model(found, "qwen")
    with pytest.raises(ModelNotAllowed) as caught:
        permit_model(found, "canary")
    assert caught.value.metadata["available"] == "qwen"


def test_the_measures_open_to_a_key_that_reads_the_state(path: Path) -> None:
    status, chat = issued("status"), issued("chat")
    guard = guard_of(path, status, chat)
    guard.check_scope(route_pb2.SCOPE_METRICS, status.headers)
    with pytest.raises(ScopeNotAllowed):
        guard.check_scope(route_pb2.SCOPE_METRICS, chat.headers)


def test_the_first_key_closes_the_server_and_the_end_of_the_last_does_not_open_it(path: Path) -> None:
    guard = Guard((), (), named=KeyTable(path))
    assert guard.inference_open and guard.admin_open
    guard.check(CHAT, [])
    for ended in ("", "expired", "revoked"):
        save(path, [issued("chat", ended=ended)])
        assert not guard.inference_open and not guard.admin_open
        assert guard.access([]) == (False, False)
        with pytest.raises(MissingApiKey):
            guard.check(CHAT, [])


def test_what_is_created_or_revoked_holds_from_the_next_call(path: Path) -> None:
    first, second = issued("chat"), issued("chat")
    guard = guard_of(path, first)
    guard.check(CHAT, first.headers)
    with pytest.raises(InvalidApiKey):
        guard.check(CHAT, second.headers)
    save(path, [replace(first, key=replace(first.key, revoked_at=time.time())), second])
    guard.check(CHAT, second.headers)
    with pytest.raises(RevokedApiKey) as caught:
        guard.check(CHAT, first.headers)
    assert caught.value.metadata == {"key": first.key.id}


def test_two_values_of_a_renewed_key_until_the_older_one_ends(path: Path) -> None:
    old = issued("chat")
    new = replace(old, value=new_value(old.key.id))
    now = time.time()
    guard = guard_of(path, replace(old, key=old.key.renewed(digest_of(new.value), now, 60.0)))
    assert guard.check(CHAT, old.headers).id == guard.check(CHAT, new.headers).id
    save(path, [replace(old, key=old.key.renewed(digest_of(new.value), now - 2.0, 1.0))])
    guard.check(CHAT, new.headers)
    with pytest.raises(ExpiredApiKey):
        guard.check(CHAT, old.headers)


def test_a_key_expires_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = issued("chat")
    guard = guard_of(path, replace(key, key=replace(key.key, expires_at=key.key.created_at + 3600)))
    guard.check(CHAT, key.headers)
    monkeypatch.setattr(time, "time", lambda: key.key.created_at + 3600)
    with pytest.raises(ExpiredApiKey):
        guard.check(CHAT, key.headers)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2, "keys": []}', b'{"version": 1, "keys": [{}]}'])
def test_a_damaged_table_keeps_the_last_one_and_never_opens(path: Path, tmp_path: Path, content: bytes) -> None:
    key = issued("chat")
    guard = guard_of(path, key)
    guard.check(CHAT, key.headers)
    path.write_bytes(content)
    guard.check(CHAT, key.headers)
    path.unlink()
    guard.check(CHAT, key.headers)
    kept = tmp_path / "etat.json"
    kept.write_bytes(content)
    late = Guard((), (), named=KeyTable(path, kept))
    with pytest.raises(InvalidApiKey):
        late.check(CHAT, key.headers)
    assert not late.inference_open


def test_a_front_that_starts_alone_reads_the_original(path: Path, tmp_path: Path) -> None:
    key, other = issued("chat"), issued("chat")
    kept = tmp_path / "etat.json"
    save(kept, [key])
    guard = Guard((), (), named=KeyTable(path, kept))
    guard.check(CHAT, key.headers)
    save(path, [other])
    guard.check(CHAT, other.headers)
    with pytest.raises(InvalidApiKey):
        guard.check(CHAT, key.headers)


def test_keys_of_the_settings_go_on_working(path: Path) -> None:
    named = issued("chat")
    save(path, [named])
    guard = Guard(("inf",), ("adm",), named=KeyTable(path))
    assert guard.check(CHAT, [("x-api-key", "inf")]).scopes == INFERENCE
    for method in (CHAT, LOAD, LIST_KEYS):
        guard.check(method, [("x-api-key", "adm")])
    guard.check(CHAT, named.headers)
    # Sans OPENAI_KEYS, celles d'ADMIN_KEYS ouvrent encore tout.
    guard_of(path, named, admin=("adm",)).check(CHAT, [("x-api-key", "adm")])


@pytest.mark.parametrize(
    ("headers", "local"),
    [
        ([(ADDRESS_HEADER, "")], True),
        ([(ADDRESS_HEADER, ""), (PEER_HEADER, "@")], True),
        ([(ADDRESS_HEADER, "198.51.100.7")], False),
        ([(ADDRESS_HEADER, "127.0.0.1")], False),
        ([(ADDRESS_HEADER, ""), (PEER_HEADER, "127.0.0.1")], False),
        ([], False),
    ],
)
def test_only_the_local_socket_touches_keys_without_one(headers: list[tuple[str, str]], local: bool) -> None:
    for guard in (Guard((), ()), Guard(("inf",), ("adm",))):
        if local:
            guard.check(LIST_KEYS, headers)
        else:
            with pytest.raises(MissingApiKey):
                guard.check(LIST_KEYS, headers)
    # Elle n'ouvre rien d'autre.
    with pytest.raises(MissingApiKey):
        Guard(("inf",), ("adm",)).check(LOAD, headers)


def test_a_keyless_server_says_where_its_first_key_is_made() -> None:
    with pytest.raises(MissingApiKey, match="passerelle keys create"):
        Guard((), ()).check(LIST_KEYS, [])
