"""Qui peut appeler quoi : chaque méthode du contrat public a sa portée."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from passerelle.v1 import route_pb2

from server.errors import ForeignOrigin, InvalidApiKey, MissingApiKey, ScopeNotAllowed
from server.rpc.auth import Guard, presented_key
from server.rpc.caller import ADDRESS_HEADER, FORWARDED_HEADER
from server.rpc.contract import FAMILIES, KEYS, METHODS, POLICY, options_of

ROOT = Path(__file__).resolve().parents[2]


def public_methods() -> dict[str, str]:
    """Méthodes du descripteur qu'Envoy lit, avec le type de leur réponse."""
    found = FileDescriptorSet.FromString((ROOT / "gen" / "passerelle.binpb").read_bytes())
    return {
        f"/{file.package}.{service.name}/{method.name}": method.output_type
        for file in found.file
        for service in file.service
        for method in service.method
    }


def test_the_contract_is_read_whole() -> None:
    assert set(METHODS) == set(public_methods())
    assert set(METHODS) < set(POLICY)


def test_every_method_names_its_scope() -> None:
    assert not [path for path, method in METHODS.items() if not options_of(method).scope]
    assert set(KEYS) == set(route_pb2.Scope.values()) - {route_pb2.SCOPE_UNSPECIFIED}


def test_no_internal_service_is_in_the_policy() -> None:
    assert not [m for m in POLICY if "control" in m.split("/")[1] or "worker" in m.split("/")[1]]


def test_every_http_body_method_has_a_family() -> None:
    raw = {method for method, output in public_methods().items() if output == ".google.api.HttpBody"}
    assert set(FAMILIES) == raw


def test_what_changes_a_state_needs_an_admin_key() -> None:
    changing = {m for m, scope in POLICY.items() if scope == route_pb2.SCOPE_ADMIN}
    assert {m.rsplit("/", 1)[1] for m in changing} == {
        "DownloadModel",
        "LoadModel",
        "UnloadModel",
        "SleepModel",
        "WakeModel",
        "RemoveWeights",
        "CancelOperation",
        "SetLogLevel",
        "StreamLogs",
        "CancelRequest",
        "GetUsage",
        "ExportUsage",
        "EraseUsage",
        "EraseOwner",
    }


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ([("authorization", "Bearer abc")], "abc"),
        ([("authorization", "bearer  abc ")], "abc"),
        ([("authorization", "abc")], "abc"),
        ([("x-api-key", "abc")], "abc"),
        ([("api-key", " abc ")], "abc"),
        ([("api-key", "abc"), ("x-api-key", "")], "abc"),
        ([("api-key", "def"), ("x-api-key", "abc")], "abc"),
        ([("api-key", "def"), ("authorization", "Bearer abc")], "abc"),
        ([("authorization", "Bearer abc"), ("x-api-key", "def")], "abc"),
        ([("authorization", "Bearer ")], ""),
        ([("authorization-bin", b"abc")], ""),
        ([], ""),
    ],
)
def test_where_a_key_is_read(metadata: list[tuple[str, str | bytes]], key: str) -> None:
    assert presented_key(metadata) == key


def test_a_guard_accepts_its_keys_only() -> None:
    guard = Guard(("un", "deux"), ())
    for key in ("un", "deux"):
        guard.check(CHAT, [("authorization", f"Bearer {key}")])
    for key in ("u", "unn", "trois", "é"):
        with pytest.raises(InvalidApiKey):
            guard.check(CHAT, [("x-api-key", key)])
    with pytest.raises(MissingApiKey):
        guard.check(CHAT, [])


def test_a_caller_is_the_rank_of_its_key_and_never_the_key() -> None:
    guard = Guard(("un", "deux", "un"), ("deux", "adm"))
    labels = [guard.check(CHAT, [("authorization", f"Bearer {key}")]).id for key in ("un", "deux", "adm")]
    assert labels == ["k0", "k1", "k2"]
    # Une clé suit son porteur, d'où qu'il appelle.
    assert guard.check(CHAT, [("x-api-key", "deux"), (ADDRESS_HEADER, "198.51.100.7")]).id == "k1"
    assert guard.check(STATUS, [("x-api-key", "un")]).id == ""


@pytest.mark.parametrize(
    ("address", "forwarded", "label"),
    [
        ("198.51.100.7", "203.0.113.9", "a198.51.100.7"),
        ("::ffff:198.51.100.7", "", "a198.51.100.7"),
        ("2001:db8:1:2::3", "", "a20010db800010002"),
        ("[2001:db8:1:2:ffff::1]", "", "a20010db800010002"),
        ("", "203.0.113.9", "a203.0.113.9"),
        ("", "10.0.0.1, 203.0.113.9", "a203.0.113.9"),
        ("", "", ""),
        ("", "n'importe quoi", ""),
    ],
)
def test_without_keys_a_caller_is_its_address(address: str, forwarded: str, label: str) -> None:
    metadata = [(ADDRESS_HEADER, address), (FORWARDED_HEADER, forwarded), ("x-api-key", "inventée")]
    assert Guard((), ()).check(CHAT, metadata).id == label


def test_without_keys_everyone_enters() -> None:
    guard = Guard((), ())
    for method, scope in POLICY.items():
        if scope != route_pb2.SCOPE_KEYS:
            guard.check(method, [])


CHAT = "/passerelle.v1.ChatService/Chat"
LOAD = "/passerelle.v1.AdminService/LoadModel"
STATUS = "/passerelle.v1.AdminService/GetStatus"


def test_admin_keys_stand_apart_from_inference_keys() -> None:
    guard = Guard(("inf",), ("adm",))
    guard.check(CHAT, [("x-api-key", "inf")])
    guard.check(CHAT, [("x-api-key", "adm")])
    guard.check(LOAD, [("x-api-key", "adm")])
    guard.check(STATUS, [])
    with pytest.raises(ScopeNotAllowed) as caught:
        guard.check(LOAD, [("x-api-key", "inf")])
    assert caught.value.metadata == {"key": "k0", "needed": "admin", "scopes": "chat, transcribe, diarize"}
    with pytest.raises(MissingApiKey):
        guard.check(CHAT, [])


def test_inference_keys_administer_when_there_are_no_others() -> None:
    guard = Guard(("inf",), ())
    guard.check(LOAD, [("x-api-key", "inf")])
    with pytest.raises(MissingApiKey):
        guard.check(LOAD, [])


def test_admin_keys_alone_leave_inference_open() -> None:
    guard = Guard((), ("adm",))
    guard.check(CHAT, [])
    with pytest.raises(MissingApiKey):
        guard.check(LOAD, [])


@pytest.mark.parametrize(
    ("inference", "admin", "key", "opened"),
    [
        ((), (), "", (True, True)),
        ((), (), "n'importe", (True, True)),
        (("inf",), ("adm",), "", (False, False)),
        (("inf",), ("adm",), "inf", (True, False)),
        (("inf",), ("adm",), "adm", (True, True)),
        (("inf",), (), "inf", (True, True)),
        ((), ("adm",), "", (True, False)),
        ((), ("adm",), "adm", (True, True)),
    ],
)
def test_what_a_key_opens(
    inference: tuple[str, ...], admin: tuple[str, ...], key: str, opened: tuple[bool, bool]
) -> None:
    assert Guard(inference, admin).access([("x-api-key", key)]) == opened


@pytest.mark.parametrize("keys", [(("inf",), ("adm",)), (("inf",), ()), ((), ("adm",))])
def test_a_key_of_no_ring_is_told_so(keys: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    with pytest.raises(InvalidApiKey):
        Guard(*keys).access([("x-api-key", "fausse")])


def test_an_unlisted_method_needs_an_admin_key() -> None:
    with pytest.raises(MissingApiKey):
        Guard(("inf",), ("adm",)).check("/passerelle.v1.ChatService/Nouvelle", [])


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://Serveur.example", "serveur.example", True),
        ("http://permis.example/", "localhost:8000", True),
        ("http://ailleurs.example", "localhost:8000", False),
        ("http://localhost:9000", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("http://[", "localhost:8000", False),
        ("http://[", "http://[", False),
        ("http://localhost:8000", "", False),
    ],
)
@pytest.mark.parametrize("method", [LOAD, CHAT])
def test_a_foreign_page_calls_nothing(origin: str, host: str, allowed: bool, method: str) -> None:
    metadata = [("origin", origin), ("x-forwarded-host", host)]
    Guard((), (), allowed_origins=("*",)).check(method, metadata)
    guard = Guard((), (), allowed_origins=("http://permis.example",))
    guard.check(STATUS, metadata)
    if allowed:
        guard.check(method, metadata)
    else:
        with pytest.raises(ForeignOrigin):
            guard.check(method, metadata)
