"""Des milliers d'appels sans fin, ouverts sans clé, devant le vrai Envoy : le reste continue."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc

from server.domain import Limits
from tests.support.flood import EMPTY, Flood, floods
from tests.support.gateway import Gateway, gateway
from tests.support.waiting import PATIENCE, wait_until

CHAT = "/v1/chat/completions"
WATCH = "/grpc.health.v1.Health/Watch"
STATUS = "/passerelle.v1.AdminService/WatchStatus"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
OLD_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CONNECTIONS, LIVE = 9, 200
SHARE = Limits().max_open_calls_per_address
_PLACES = itertools.count(1)
HEALTH_CHECKS_SECONDS = 2.5
"""Plus de deux contrôles de santé d'Envoy."""


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    # Un relais de confiance : les essais disent eux-mêmes de quelle adresse ils viennent.
    with gateway(tmp_path_factory.mktemp("envoy") / "log", trusted_hops=1) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "message", "calls", "held"),
    [
        (WATCH, EMPTY, 1000, SHARE),  # de quoi remplir un front, qui mène 8192 appels
        (STATUS, EMPTY, 250, SHARE),
        ("/passerelle.v1.AdminService/StreamLogs", EMPTY, 250, SHARE),
        (REFLECTION, None, 250, SHARE),
        (OLD_REFLECTION, None, 250, SHARE),
        # Leur message ne vient jamais.
        ("/passerelle.v1.AdminService/GetStatus", None, 250, SHARE),
        ("/grpc.health.v1.Health/Check", None, 250, SHARE),
        ("/passerelle.v1.ProbeService/CheckReadiness", None, 250, SHARE),
        ("/passerelle.v1.ChatService/Chat", None, 250, Limits().max_calls_per_address),
    ],
)
def test_an_address_holds_its_share_and_no_more(
    envoy: Gateway, path: str, message: bytes | None, calls: int, held: int
) -> None:
    attacker = _somewhere()
    with floods(envoy.settings.port, CONNECTIONS) as found:
        # Qui attaque insiste : un front que la rafale a fait taire un instant a refusé jusqu'à ceux de sa part.
        while _held(found) < held:
            for one in found:
                one.call(path, calls, message, [attacker])
            wait_until(lambda: _held(found) <= held, f"{held} appels restent")
        with envoy.http(headers=dict([_somewhere()])) as http:
            # Fronts d'essai, voisins et clients partagent un fil : la rafale elle-même l'occupe plus qu'un vrai front.
            wait_until(lambda: http.post(CHAT, json={"do": "echo"}).status_code == 200, "la rafale est passée")
            end = time.monotonic() + HEALTH_CHECKS_SECONDS
            while time.monotonic() < end:
                assert http.post(CHAT, json={"do": "echo"}).status_code == 200
                assert http.get("/healthz").status_code == 200
                assert http.get("/readyz").json()["error"]["message"] == "Pas prêt."  # le plan de contrôle a répondu
                time.sleep(0.1)
        assert _held(found) == held and not any(one.refused for one in found)
    if path == WATCH:
        wait_until(lambda: _accepts(envoy, attacker), "la place d'un appel coupé est rendue")


def test_live_streams_go_on_while_the_flood_runs(envoy: Gateway) -> None:
    attacker = _somewhere()
    request = transcribe_pb2.StreamTranscribeRequest(audio=b"a")

    async def play() -> None:
        async with grpc.aio.insecure_channel(envoy.target) as channel:
            stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
            streams = [stub.StreamTranscribe() for _ in range(LIVE)]

            async def exchange(stream: Any) -> None:
                await stream.write(request)
                assert await stream.read() != grpc.aio.EOF

            async def all_exchange() -> None:
                await asyncio.gather(*(exchange(stream) for stream in streams))

            await all_exchange()
            with floods(envoy.settings.port, CONNECTIONS) as found:
                for _ in range(3):
                    for one in found:
                        for path, message in ((WATCH, EMPTY), (STATUS, EMPTY), (REFLECTION, None)):
                            one.call(path, 100, message, [attacker])
                    await all_exchange()
                    await asyncio.to_thread(wait_until, lambda: _serves(envoy), "inférence et sondes répondent")
            await all_exchange()
            for stream in streams:
                await stream.done_writing()
                assert await stream.read() is grpc.aio.EOF
                assert await stream.code() is grpc.StatusCode.OK

    asyncio.run(play())


def test_the_refusal_names_the_limit(envoy: Gateway) -> None:
    client = _somewhere()
    wait_until(lambda: _accepts(envoy, _somewhere()), "la rafale d'avant est passée")
    with floods(envoy.settings.port, 1) as found, envoy.channel() as channel:
        found[0].call(WATCH, SHARE + 1, headers=[client])
        wait_until(lambda: _held(found) == SHARE, "la part est prise")
        with pytest.raises(grpc.RpcError) as caught:
            _watch(channel, client)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    told = str(caught.value.details())
    assert f"{SHARE} appels" in told and "PASSERELLE_MAX_OPEN_CALLS_PER_ADDRESS" in told


def test_all_addresses_together_have_a_bound(tmp_path: Path) -> None:
    with (
        gateway(tmp_path / "log", max_total_open_calls=20, trusted_hops=1) as found,
        floods(found.settings.port, 3) as many,
    ):
        for index, one in enumerate(many):
            one.call(WATCH, 20, headers=[("x-forwarded-for", f"192.0.2.{index}")])
        wait_until(lambda: _held(many) == 20, "vingt appels restent")
        with found.http() as http, found.channel() as channel:
            assert http.post(CHAT, json={"do": "echo"}).status_code == 200
            stub = health_pb2_grpc.HealthStub(channel)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status == 1
            with pytest.raises(grpc.RpcError) as caught:
                next(iter(stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_does_not_choose_its_address(tmp_path: Path) -> None:
    with gateway(tmp_path / "log") as found, floods(found.settings.port, 4) as many:
        for index, one in enumerate(many):
            forged = [("x-forwarded-for", f"192.0.2.{index}"), ("x-passerelle-client", f"192.0.2.{index}")]
            one.call(WATCH, 100, headers=forged)
        wait_until(lambda: _held(many) == SHARE, "une seule part")


def test_a_connection_says_how_many_calls_it_holds(tmp_path: Path) -> None:
    with gateway(tmp_path / "log", max_concurrent_streams=7) as found, floods(found.settings.port, 1) as many:
        wait_until(lambda: many[0].max_streams == 7, "sept appels annoncés")


def _serves(envoy: Gateway) -> bool:
    with envoy.http() as http:
        answered = http.post(CHAT, json={"do": "echo"}).status_code == 200
        return answered and "Pas prêt." in http.get("/readyz").text


def _held(found: list[Flood]) -> int:
    return sum(one.held for one in found)


def _somewhere() -> tuple[str, str]:
    """En-tête d'une adresse qu'aucun autre essai n'emploie."""
    return ("x-forwarded-for", f"192.0.2.{next(_PLACES)}")


def _watch(channel: grpc.Channel, client: tuple[str, str]) -> None:
    """Suit la santé depuis une adresse, puis cesse."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    call = stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE, metadata=[client])
    next(iter(call))
    call.cancel()


def _accepts(envoy: Gateway, client: tuple[str, str]) -> bool:
    with envoy.channel() as channel, suppress(grpc.RpcError):
        _watch(channel, client)
        return True
    return False
