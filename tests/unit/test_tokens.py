"""Les jetons d'un fournisseur d'identité : leurs réglages, et ce qui est lu d'un jeton qu'Envoy a vérifié."""

import json
from pathlib import Path
from typing import Any

import pytest
from passerelle.v1 import route_pb2

from server.cli.findings import Level
from server.cli.token_checks import token_checks
from server.domain import TokenProvider
from server.errors import InvalidApiKey, InvalidToken, MissingApiKey, PasserelleError, ScopeNotAllowed
from server.rpc.auth import SCOPE_OF, Guard
from server.rpc.caller import ADDRESS_HEADER
from server.rpc.tokens import CLAIMS_HEADER, ERROR_HEADER, Tokens
from server.settings.advertise import answered_hosts
from server.settings.changes import change
from server.settings.config import load_config
from server.settings.tokens import check_jwks, check_tokens
from server.tables import ConfigError
from tests.support.tokens import Provider, SigningKey, body, encoded, provider

CHAT = "/passerelle.v1.ChatService/Chat"
FILE = "/passerelle.v1.TranscribeService/Transcribe"
LOAD = "/passerelle.v1.AdminService/LoadModel"
GIVEN = {
    "PASSERELLE_PROFILE": "embarque",
    "PASSERELLE_JWT_ISSUER": "https://identite.exemple/",
    "PASSERELLE_JWT_AUDIENCE": "passerelle, autre",
    "PASSERELLE_JWT_JWKS_URL": "https://identite.exemple/cles",
}
ADMITTED = TokenProvider("https://identite.exemple/", ("passerelle",))
MODULUS = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}


def verified(**claims: Any) -> list[tuple[str, str]]:
    """En-têtes d'un appel dont Envoy a vérifié le jeton."""
    return [(ADDRESS_HEADER, "198.51.100.7"), (CLAIMS_HEADER, encoded(json.dumps(body(**claims)).encode()))]


def test_off_by_default_and_whole_when_on() -> None:
    assert load_config({"PASSERELLE_PROFILE": "embarque"}).tokens is None
    found = load_config(GIVEN)
    assert found.tokens is not None and found.keyed and not answered_hosts(found)
    assert found.tokens.audiences == ("passerelle", "autre") and found.tokens.owner_claim == "sub"
    assert load_config(GIVEN | {"PASSERELLE_REQUIRE_KEYS": "true"}).keyed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PASSERELLE_JWT_ISSUER": ""}, "PASSERELLE_JWT_ISSUER : émetteur attendu avec PASSERELLE_JWT_AUDIENCE"),
        ({"PASSERELLE_JWT_AUDIENCE": ""}, "PASSERELLE_JWT_AUDIENCE : destinataire attendu"),
        ({"PASSERELLE_JWT_JWKS_URL": ""}, "aucun ne l'est"),
        ({"PASSERELLE_JWT_JWKS_FILE": "/cles.json"}, "les deux sont donnés"),
        ({"PASSERELLE_JWT_JWKS_URL": "http://identite.exemple/cles"}, "est en clair"),
        ({"PASSERELLE_JWT_JWKS_URL": "ftp://identite.exemple/cles"}, "n'est pas une adresse https://"),
        ({"PASSERELLE_JWT_JWKS_URL": "https:///cles"}, "n'est pas une adresse https://"),
        ({"PASSERELLE_JWT_JWKS_URL": "https://moi:secret@identite.exemple/"}, "porte un compte"),
        ({"PASSERELLE_JWT_JWKS_URL": "https://identite.exemple:99999/"}, "PASSERELLE_JWT_JWKS_URL"),
        ({"PASSERELLE_JWT_SCOPES": "gpu=converser"}, "« gpu=converser » n'est pas de la forme valeur=portée"),
        ({"PASSERELLE_JWT_SCOPES": "chat"}, "valeur=portée"),
        ({"PASSERELLE_JWT_SCOPES": "=chat"}, "valeur=portée"),
        ({"PASSERELLE_JWT_REFRESH_SECONDS": "0"}, "PASSERELLE_JWT_REFRESH_SECONDS : 0 est hors des limites"),
        ({"PASSERELLE_JWT_TIMEOUT_SECONDS": "x"}, "PASSERELLE_JWT_TIMEOUT_SECONDS"),
        ({"PASSERELLE_JWT_CLOCK_SKEW_SECONDS": "0"}, "PASSERELLE_JWT_CLOCK_SKEW_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named(changed: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(GIVEN | changed)
    assert said in str(refused.value).replace("’", "'")
    assert "secret@" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/cles", "http://[::1]/cles", "http://localhost/cles"])
def test_this_machine_may_be_spoken_to_in_clear(url: str) -> None:
    assert load_config(GIVEN | {"PASSERELLE_JWT_JWKS_URL": url}).tokens


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pas du JSON"),
        (b"[]", "pas un document"),
        (b'{"keys": {}}', "pas un document"),
        (b'{"keys": []}', "aucune clé publique"),
        (b'{"keys": [{"kty": "oct", "k": "AQAB"}]}', "clé secrète"),
        (json.dumps({"keys": [MODULUS | {"d": "AQAB"}]}).encode(), "clé secrète"),
        (b" " * 2_000_000, "plus que la limite"),
    ],
)
def test_a_file_of_keys_is_checked_before_serving(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "jwks.json"
    settings = GIVEN | {"PASSERELLE_JWT_JWKS_URL": "", "PASSERELLE_JWT_JWKS_FILE": str(file)}
    with pytest.raises(ConfigError, match=r"PASSERELLE_JWT_JWKS_FILE .* est illisible"):
        check_tokens(load_config(settings).tokens)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"PASSERELLE_JWT_JWKS_FILE .*{said}"):
        check_tokens(load_config(settings).tokens)
    assert token_checks(load_config(settings)).level is Level.FAILURE
    file.write_bytes(json.dumps({"keys": [MODULUS]}).encode())
    check_tokens(load_config(settings).tokens)
    assert token_checks(load_config(settings)).level is Level.OK


def test_authorities_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"PASSERELLE_JWT_CA : .*absent\.pem"):
        check_tokens(load_config(GIVEN | {"PASSERELLE_JWT_CA": str(tmp_path / "absent.pem")}).tokens)


def test_doctor_reads_the_keys_as_envoy_will(tmp_path: Path) -> None:
    assert token_checks(load_config({"PASSERELLE_PROFILE": "embarque"})).level is Level.OK
    with provider(SigningKey(tmp_path, "un")) as found:
        config = load_config(GIVEN | {"PASSERELLE_JWT_JWKS_URL": found.url})
        assert "1 clé à http://127.0.0.1" in token_checks(config).found
        found.down = True
        told = token_checks(config)
    assert told.level is Level.WARNING and "503" in told.found and "PASSERELLE_JWT_JWKS_FILE" in told.advice


def test_a_reload_does_not_change_the_provider() -> None:
    before = load_config(GIVEN)
    for changed in ({"PASSERELLE_JWT_AUDIENCE": "x"}, {"PASSERELLE_JWT_SCOPES": "a=chat"}):
        with pytest.raises(ConfigError, match="PASSERELLE_JWT_"):
            change(before, load_config(GIVEN | changed))


@pytest.mark.parametrize(
    ("settings", "claims", "scopes"),
    [
        ({}, {"scope": "openid chat status"}, {"chat", "status"}),
        ({}, {"scope": None, "scp": "chat"}, {"chat"}),
        ({}, {"scope": None, "roles": ["transcribe", "diarize", 3, None]}, {"transcribe", "diarize"}),
        ({}, {"scope": "chat", "roles": ["admin"]}, {"chat", "admin"}),
        ({}, {"scope": {"chat": True}}, set()),
        ({}, {"scope": "Chat chat,admin"}, set()),
        ({"PASSERELLE_JWT_SCOPE_CLAIM": "realm_access.roles"}, {"realm_access": {"roles": ["chat"]}}, {"chat"}),
        ({"PASSERELLE_JWT_SCOPE_CLAIM": "realm_access.roles"}, {"realm_access": "chat", "scope": "chat"}, set()),
        ({"PASSERELLE_JWT_SCOPE_CLAIM": "https://a.exemple/r"}, {"https://a.exemple/r": ["chat"]}, {"chat"}),
        (
            {"PASSERELLE_JWT_SCOPES": "ia=chat+transcribe,gpu=admin"},
            {"scope": "ia gpu"},
            {"chat", "transcribe", "admin"},
        ),
        ({"PASSERELLE_JWT_SCOPES": "a=b=chat"}, {"scope": "a=b chat"}, {"chat"}),
        ({"PASSERELLE_JWT_SCOPES": "ia=chat"}, {"scope": "admin"}, set()),
    ],
)
def test_claims_become_scopes(settings: dict[str, str], claims: dict[str, Any], scopes: set[str]) -> None:
    admitted = load_config(GIVEN | settings).tokens
    assert admitted is not None
    bearer = Tokens(admitted, SCOPE_OF).caller_of(dict(verified(**claims)))
    assert bearer is not None and bearer.scopes == {SCOPE_OF[name] for name in scopes}


def test_the_owner_is_the_claim_that_was_chosen_and_its_label_hides_it() -> None:
    admitted = load_config(GIVEN | {"PASSERELLE_JWT_OWNER_CLAIM": "client.nom"}).tokens
    assert admitted is not None
    first, second = (
        Tokens(admitted, SCOPE_OF).caller_of(dict(verified(client={"nom": name}))) for name in ("ada@a.b", "bob@a.b")
    )
    assert first is not None and second is not None
    assert (first.owner, second.owner) == ("ada@a.b", "bob@a.b") and first.id != second.id
    assert "ada" not in first.id and first.id.isalnum()
    again = Tokens(admitted, SCOPE_OF).caller_of(dict(verified(client={"nom": "ada@a.b"}, jti="un-autre-jeton")))
    assert again is not None and again.id == first.id


@pytest.mark.parametrize("owner", [None, "", 12, ["a"], "x" * 257, "a\nb"])
def test_a_token_without_an_owner_is_refused(owner: Any) -> None:
    with pytest.raises(InvalidToken, match="PASSERELLE_JWT_OWNER_CLAIM"):
        Guard(("k",), (), tokens=ADMITTED).check(CHAT, verified(sub=owner))


@pytest.mark.parametrize("payload", ["%", "e30", "W10", "AAAA", "eyJ"])
def test_an_unreadable_content_is_refused(payload: str) -> None:
    with pytest.raises(InvalidToken):
        Guard(("k",), (), tokens=ADMITTED).check(CHAT, [(ADDRESS_HEADER, ""), (CLAIMS_HEADER, payload)])


def test_what_did_not_come_through_envoy_is_not_believed() -> None:
    guard = Guard(("k",), (), tokens=ADMITTED)
    for method in (CHAT, LOAD):
        with pytest.raises(MissingApiKey):
            guard.check(method, verified(scope="chat admin")[1:])
    # Sans fournisseur, personne ne lit ces en-têtes, d'où qu'ils viennent.
    with pytest.raises(MissingApiKey):
        Guard(("k",), ()).check(CHAT, verified(scope="chat"))


def test_a_token_opens_what_its_scopes_say_beside_the_keys() -> None:
    guard = Guard(("k",), ("a",), tokens=ADMITTED)
    found = guard.check(CHAT, verified(scope="chat"))
    assert found.id.startswith("t") and found.owner == "service-a" and found.token
    assert guard.check(CHAT, [("x-api-key", "k")]).id == "k0"
    for method, scope in ((FILE, "chat"), (LOAD, "chat transcribe diarize status"), (CHAT, "admin")):
        with pytest.raises(ScopeNotAllowed) as refused:
            guard.check(method, verified(scope=scope))
        assert refused.value.metadata["scopes"] == ", ".join(scope.split())
    guard.check(LOAD, verified(scope="admin"))
    for scope in ("status", "admin"):
        guard.check_scope(route_pb2.SCOPE_METRICS, verified(scope=scope))
    with pytest.raises(ScopeNotAllowed):
        guard.check_scope(route_pb2.SCOPE_METRICS, verified(scope="chat"))
    assert guard.access(verified(scope="diarize")) == (True, False)
    assert guard.access(verified(scope="admin status")) == (False, True)


def test_a_provider_closes_a_server_without_keys() -> None:
    guard = Guard((), (), tokens=ADMITTED)
    assert not guard.inference_open and not guard.admin_open
    for method in (CHAT, LOAD):
        with pytest.raises(MissingApiKey):
            guard.check(method, [(ADDRESS_HEADER, "198.51.100.7")])
    assert guard.access([]) == (False, False)


def test_a_key_that_begins_like_a_token_is_still_a_key() -> None:
    guard = Guard(("eyJ-une-cle",), (), tokens=ADMITTED)
    told = [(ADDRESS_HEADER, "a"), (ERROR_HEADER, "Jwt is not in the form of Header.Payload.Signature")]
    assert guard.check(CHAT, [*told, ("authorization", "Bearer eyJ-une-cle")]).id == "k0"
    assert guard.verifiable_here("eyJ-une-cle") and not guard.verifiable_here("eyJ-autre")
    assert Guard(("k",), ()).verifiable_here("eyJ-autre")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("Jwt is expired", "TOKEN_EXPIRED"),
        ("Jwks remote fetch is failed", "TOKEN_KEYS_UNAVAILABLE"),
        ("un mot d'un Envoy à venir", "INVALID_TOKEN"),
        ("Jwt is missing", "INVALID_API_KEY"),
        ("", "INVALID_API_KEY"),
    ],
)
def test_what_envoy_says_has_its_reason(told: str, reason: str) -> None:
    guard = Guard(("k",), (), tokens=ADMITTED)
    metadata = [(ADDRESS_HEADER, "a"), ("authorization", "Bearer eyJ.a.b"), (ERROR_HEADER, told)]
    for ask in (lambda: guard.check(CHAT, metadata), lambda: guard.access(metadata)):
        with pytest.raises(PasserelleError) as refused:
            ask()
        assert refused.value.reason == reason
    # Le même mot, d'un appel qui n'est pas passé par Envoy, ne dit rien.
    with pytest.raises(InvalidApiKey):
        guard.check(CHAT, metadata[1:])


def test_the_published_keys_of_the_tests_are_good_ones(tmp_path: Path) -> None:
    document = Provider()
    document.keys = [SigningKey(tmp_path, "un"), SigningKey(tmp_path, "ed", "EdDSA")]
    assert check_jwks(document.document()) == 2
