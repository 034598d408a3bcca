"""Les jetons d'un fournisseur d'identité, à toutes les portes, par le vrai Envoy."""

import base64
import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from starlette.routing import BaseRoute

from server.domain import Limits, TokenProvider
from server.rpc.auth import Guard
from server.rpc.caller import ADDRESS_HEADER
from server.rpc.tokens import CLAIMS_HEADER, ERROR_HEADER
from server.supervisor.envoy import EnvoySettings, render
from server.supervisor.envoy_tokens import TokenSource
from server.web.live import LiveBridge
from server.web.live_routes import live_routes
from server.web.token_keys import PATH, key_routes
from server.web.upstream import open_channel
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, gateway, settings_in
from tests.support.tls import SSL
from tests.support.token_doors import DOORS, PASSED, Told
from tests.support.tokens import (
    AUDIENCE,
    ISSUER,
    Provider,
    SigningKey,
    body,
    encoded,
    hmac_token,
    provider,
    unsigned,
)
from tests.support.waiting import PATIENCE, wait_until

KEY, ADMIN_KEY = "sk-cle-d-inference", "sk-cle-d-administration"
EVERYTHING = "chat transcribe diarize admin"


@dataclasses.dataclass
class Rig:
    """Envoy, les services, et le fournisseur dont ils admettent les jetons."""

    envoy: Gateway
    provider: Provider
    key: SigningKey
    other: SigningKey

    def knock(self, door: str, key: str, **headers: str) -> Told:
        given = {"authorization": f"Bearer {key}"} if key else {}
        return DOORS[door][1](self.envoy, given | headers)

    def knock_all(self, door: str, tokens: Sequence[str]) -> list[Told]:
        """Plusieurs à la fois : un WebSocket refusé met une seconde à se fermer."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda token: self.knock(door, token), tokens))


@contextmanager
def serving(
    folder: Path, keys: Sequence[str] = (KEY,), url: str = "", file: Path | None = None, **source: Any
) -> Iterator[Gateway]:
    """Envoy et des services gardés, dont le vrai WebSocket de direct."""
    admitted = TokenProvider(ISSUER, (AUDIENCE, "une-autre"), jwks_url=url, jwks_file=file)
    guard = Guard(keys, (ADMIN_KEY,) if keys else (), tokens=admitted)
    channels = []

    def page(settings: EnvoySettings) -> list[BaseRoute]:
        channels.append(open_channel(f"unix:{settings.local_socket}"))
        return [*live_routes(LiveBridge(channels[0], Limits(), guard, 1.0)), *key_routes(admitted)]

    tokens = TokenSource(ISSUER, admitted.audiences, url, refresh_seconds=1.0, timeout_seconds=PATIENCE, **source)
    try:
        with gateway(folder / "log", guard=guard, page=page, tokens=tokens) as found:
            yield found
    finally:
        for channel in channels:
            channel.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SigningKey]:
    folder = tmp_path_factory.mktemp("cles")
    return {kid: SigningKey(folder, kid, kind) for kid, kind in (("un", "RS256"), ("deux", "RS256"), ("ed", "EdDSA"))}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, SigningKey]) -> Iterator[Rig]:
    with provider(keys["un"], keys["ed"]) as found, serving(tmp_path_factory.mktemp("envoy"), url=found.url) as envoy:
        yield Rig(envoy, found, keys["un"], keys["deux"])


@pytest.fixture(scope="module")
def bad(keys: dict[str, SigningKey]) -> dict[str, tuple[str, str]]:
    """Chaque sorte de mauvais jeton, et le motif de son refus."""
    key, other = keys["un"], keys["deux"]
    now = int(time.time())
    head, claims, signature = key.token(scope="chat").split(".")
    more = encoded(json.dumps(body(scope=EVERYTHING)).encode())
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    return {
        "expiré": (key.token(exp=now - 3600), "TOKEN_EXPIRED"),
        "sans échéance": (key.token(exp=None), "INVALID_TOKEN"),
        "pas encore": (key.token(nbf=now + 3600), "TOKEN_NOT_YET_VALID"),
        "autre destinataire": (key.token(aud="un-autre-service"), "TOKEN_AUDIENCE"),
        "sans destinataire": (key.token(aud=None), "TOKEN_AUDIENCE"),
        "autre émetteur": (key.token(iss="https://ailleurs.exemple/"), "TOKEN_ISSUER"),
        "sans émetteur": (key.token(iss=None), "TOKEN_ISSUER"),
        "clé inconnue": (other.token(), "TOKEN_KEY_UNKNOWN"),
        "clé d'un autre sous le même nom": (other.signed({"alg": "RS256", "kid": key.kid}, body()), "INVALID_TOKEN"),
        "autre algorithme": (key.token(header={"alg": "RS512"}), "TOKEN_KEY_UNKNOWN"),
        "signature changée": (f"{head}.{claims}.{flipped}", "INVALID_TOKEN"),
        "contenu changé": (f"{head}.{more}.{signature}", "INVALID_TOKEN"),
        "alg none": (f"{unsigned({'alg': 'none'}, body())}.", "INVALID_TOKEN"),
        "alg none, signé": (f"{unsigned({'alg': 'none'}, body())}.{signature}", "INVALID_TOKEN"),
        "clé publique pour secret": (hmac_token(key.pem(), key.kid), "TOKEN_KEY_UNKNOWN"),
        "n'importe quoi": ("eyJ", "INVALID_TOKEN"),
        "trois morceaux": ("eyJ.eyJ.eyJ", "INVALID_TOKEN"),
        "deux morceaux": (f"{head}.{claims}", "INVALID_TOKEN"),
        "sans propriétaire": (key.token(sub=None), "INVALID_TOKEN"),
        "propriétaire sans fin": (key.token(sub="x" * 300), "INVALID_TOKEN"),
    }


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_a_good_token_and_a_key_and_refuses_the_rest(
    rig: Rig, bad: dict[str, tuple[str, str]], door: str
) -> None:
    scope = DOORS[door][0]
    key = ADMIN_KEY if scope == "admin" else KEY
    assert rig.knock(door, key) == Told(200, PASSED)
    assert rig.knock(door, rig.key.token(scope=scope)) == Told(200, PASSED)
    assert rig.knock(door, "") == Told(401, "MISSING_API_KEY") or door in _OPENAI
    assert rig.knock(door, "sk-inconnue") == Told(401, "INVALID_API_KEY")
    elsewhere = " ".join(name for name in EVERYTHING.split() if name != scope)
    expected = Told(200, PASSED) if door == "modèles" else Told(403, "SCOPE_NOT_ALLOWED")
    assert rig.knock(door, rig.key.token(scope=elsewhere)) == expected
    assert rig.knock(door, rig.key.token(scope="openid")) == Told(403, "SCOPE_NOT_ALLOWED")
    found = dict(zip(bad, rig.knock_all(door, [token for token, _ in bad.values()]), strict=True))
    assert found == {kind: Told(401, reason) for kind, (_, reason) in bad.items()}


_OPENAI = ("conversation", "modèles", "fichier")
"""Une clé absente y a le code `invalid_api_key`, comme chez OpenAI."""


@pytest.mark.parametrize("door", DOORS)
def test_a_client_cannot_write_what_envoy_writes(rig: Rig, door: str) -> None:
    """Ni contenu vérifié, ni marque du passage par Envoy, sous aucune casse, seuls ou avec une mauvaise clé."""
    forged = encoded(json.dumps(body(scope=EVERYTHING)).encode())
    refused = (Told(401, "MISSING_API_KEY"), Told(401, "INVALID_API_KEY"), Told(401, "TOKEN_EXPIRED"))
    expired = rig.key.token(exp=1)
    for name in (CLAIMS_HEADER, *(() if "gRPC" in door else ("X-Passerelle-Claims",))):
        written = {name: forged, ADDRESS_HEADER: "127.0.0.1", ERROR_HEADER: ""}
        for key in ("", "sk-inconnue", expired):
            assert rig.knock(door, key, **written) in refused


def test_a_good_token_shows_the_services_its_content(rig: Rig) -> None:
    token = rig.key.token(sub="ferme-de-calcul")
    with rig.envoy.http() as http:
        for scheme in ("Bearer", "bearer", "BEARER"):
            headers = {"authorization": f"{scheme}  {token}", CLAIMS_HEADER: "eyJ9", ERROR_HEADER: "Jwt is expired"}
            seen = http.post("/v1/chat/completions", json={"do": "echo"}, headers=headers).json()
            payload = seen[CLAIMS_HEADER]
            assert json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"] == "ferme-de-calcul"
            assert ERROR_HEADER not in seen


def test_other_signatures_and_lists_of_audiences_are_good(rig: Rig, keys: dict[str, SigningKey]) -> None:
    for token in (
        keys["ed"].token(),
        rig.key.token(aud=["ailleurs", "une-autre"]),
        rig.key.token(header={"typ": None}),
    ):
        assert rig.knock("conversation", token) == Told(200, PASSED)


def test_the_local_socket_is_no_way_around(rig: Rig) -> None:
    forged = encoded(json.dumps(body(scope=EVERYTHING)).encode())
    local = httpx.HTTPTransport(uds=str(rig.envoy.settings.local_socket), verify=SSL)
    with httpx.Client(base_url="http://localhost", transport=local, timeout=30) as http:
        assert http.get("/v1/models", headers={CLAIMS_HEADER: forged}).status_code == 401
        bearer = {"authorization": f"Bearer {rig.key.token()}"}
        assert http.get("/v1/models", headers=bearer).status_code == 200


def test_a_second_token_changes_nothing(rig: Rig) -> None:
    """Deux en-têtes, ou deux jetons dans un seul : le mauvais n'emprunte rien au bon."""
    good, bad = rig.key.token(scope="chat"), rig.other.token(scope=EVERYTHING)
    with rig.envoy.http() as http:
        for pair in ((good, bad), (bad, good)):
            values = [("authorization", f"Bearer {token}") for token in pair]
            joined = [("authorization", f"Bearer {pair[0]}, bearer {pair[1]}")]
            for headers in (values, joined):
                assert http.post("/api/admin/models/qwen/load", json={}, headers=headers).status_code in (401, 403)


def test_openai_s_own_client_reads_the_refusals(rig: Rig) -> None:
    base = f"{rig.envoy.url}/v1"
    with openai.OpenAI(api_key=rig.key.token(exp=1), base_url=base) as client:
        with pytest.raises(openai.AuthenticationError) as expired:
            client.models.list()
    with openai.OpenAI(api_key=rig.key.token(scope=""), base_url=base) as client:
        with pytest.raises(openai.PermissionDeniedError) as denied:
            client.models.list()
    assert expired.value.code == "token_expired" and denied.value.code == "scope_not_allowed"


def test_no_key_and_no_token_is_ever_logged(
    rig: Rig, bad: dict[str, tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [token for token, _ in bad.values() if len(token) > 20]
    tokens += [rig.key.token(scope="")]
    # Les clients de l'essai sont muets : un serveur seul parle ici.
    for client in ("websockets", "httpx", "httpcore"):
        caplog.set_level("WARNING", client)
    with caplog.at_level("DEBUG"):
        for token in tokens:
            rig.knock("conversation", token)
        rig.knock_all("WebSocket", tokens)
    written = rig.envoy.log.read_text() + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert not [token for token in tokens if token.split(".")[1] in written]


def test_without_keys_a_token_is_all_that_enters(tmp_path: Path, keys: dict[str, SigningKey]) -> None:
    with provider(keys["un"]) as found, serving(tmp_path, keys=(), url=found.url) as envoy:
        rig = Rig(envoy, found, keys["un"], keys["deux"])
        for door, (scope, _) in DOORS.items():
            assert rig.knock(door, "").code == 401
            assert rig.knock(door, rig.key.token(scope=scope)) == Told(200, PASSED)


def test_a_provider_that_is_down_costs_the_keys_nothing(tmp_path: Path, keys: dict[str, SigningKey]) -> None:
    with provider(keys["un"]) as found:
        found.down = True
        with serving(tmp_path, url=found.url) as envoy:
            rig = Rig(envoy, found, keys["un"], keys["deux"])
            token = rig.key.token()
            for door in ("conversation", "gRPC", "gRPC-Web", "WebSocket"):
                # Jamais lues : le serveur ne sait rien de ce jeton, et le dit sien.
                assert rig.knock(door, token) == Told(503, "TOKEN_KEYS_UNAVAILABLE")
                assert rig.knock(door, KEY) == Told(200, PASSED)
            with envoy.http() as http:
                answer = http.get("/v1/models", headers={"authorization": f"Bearer {token}"})
            assert answer.headers["retry-after"] == "5"
            found.down = False
            assert rig.knock("conversation", token) == Told(200, PASSED)


def test_keys_once_read_outlive_the_provider_and_rotate_by_themselves(
    tmp_path: Path, keys: dict[str, SigningKey]
) -> None:
    with provider(keys["un"]) as found, serving(tmp_path, url=found.url) as envoy:
        rig = Rig(envoy, found, keys["un"], keys["deux"])
        first, second = keys["un"].token(), keys["deux"].token()
        assert rig.knock("conversation", first) == Told(200, PASSED)
        wait_until(lambda: found.served >= 3, "Envoy relit les clés de lui-même")
        found.down = True
        before = found.asked
        # Deux écoutes lisent chacune les leurs : quatre échecs, et chacune a échoué au moins une fois.
        wait_until(lambda: found.asked >= before + 4, "Envoy a redemandé les clés, en vain")
        for door in ("conversation", "gRPC", "WebSocket"):
            assert rig.knock(door, first) == Told(200, PASSED)
        found.keys, found.down = [keys["un"], keys["deux"]], False
        wait_until(lambda: rig.knock("conversation", second).reason == PASSED, "la clé neuve est lue")
        assert rig.knock("conversation", first) == Told(200, PASSED)
        found.keys = [keys["deux"]]
        # Ce jeton, accepté cent fois, ne l'est plus : rien ne le retient.
        wait_until(lambda: rig.knock("conversation", first).reason != PASSED, "la clé retirée ne vaut plus")
        assert rig.knock("conversation", first) == Told(401, "TOKEN_KEY_UNKNOWN")
        assert rig.knock("conversation", second) == Told(200, PASSED)


def test_a_provider_is_known_by_its_certificate(tmp_path: Path, keys: dict[str, SigningKey]) -> None:
    trusted, stranger = Authority(tmp_path, "sure"), Authority(tmp_path, "etrangere")
    with provider(keys["un"], certificate=trusted.issue("fournisseur")) as found:
        by_name = found.url.replace("127.0.0.1", "localhost")
        for number, (url, authority, expected) in enumerate(
            (
                (found.url, trusted, Told(200, PASSED)),
                (by_name, trusted, Told(200, PASSED)),
                (found.url, stranger, Told(503, "TOKEN_KEYS_UNAVAILABLE")),
            )
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            with serving(folder, url=url, authorities=authority.certificate) as envoy:
                rig = Rig(envoy, found, keys["un"], keys["deux"])
                assert rig.knock("conversation", keys["un"].token()) == expected
                assert rig.knock("conversation", KEY) == Told(200, PASSED)


def test_a_file_of_keys_is_read_again(tmp_path: Path, keys: dict[str, SigningKey]) -> None:
    file = tmp_path / "jwks.json"
    document = Provider()
    document.keys = [keys["un"]]
    file.write_bytes(document.document())
    with serving(tmp_path, file=file) as envoy:
        rig = Rig(envoy, document, keys["un"], keys["deux"])
        assert rig.knock("conversation", keys["un"].token()) == Told(200, PASSED)
        with envoy.http() as http:
            assert http.get(PATH).status_code == 404
        document.keys = [keys["deux"]]
        file.write_bytes(document.document())
        second = keys["deux"].token()
        wait_until(lambda: rig.knock("conversation", second).reason == PASSED, "le fichier changé est relu")
        assert rig.knock("conversation", keys["un"].token()) == Told(401, "TOKEN_KEY_UNKNOWN")
        file.unlink()
        assert rig.knock("conversation", second) == Told(200, PASSED)


def test_off_nothing_of_it_is_in_the_configuration(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    off = render(settings)
    assert "jwt_authn" not in off
    source = TokenSource(ISSUER, (AUDIENCE,), "https://identite.exemple:8443/cles", tmp_path / "ca.pem")
    on = render(dataclasses.replace(settings, tokens=source))
    added = [line for line in on.splitlines() if line not in off.splitlines()]
    # Trois lignes de plus, et pas une autre n'a changé.
    assert len(added) == 3 and [line for line in on.splitlines() if line not in added] == off.splitlines()
