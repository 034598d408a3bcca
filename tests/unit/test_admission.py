"""Les appels menés à la fois : qui est compté, où, et jusqu'à quand."""

import asyncio
from collections.abc import Sequence

import pytest

from server.domain import Limits
from server.errors import QueueFull
from server.rpc.admission import Admission, client_address
from server.rpc.auth import Guard
from server.rpc.caller import ADDRESS_HEADER as CLIENT

LIMITS = Limits(max_calls=6, max_calls_per_address=4, max_open_calls=3, max_open_calls_per_address=2)
CHAT = "/passerelle.v1.ChatService/Chat"
LOAD = "/passerelle.v1.AdminService/LoadModel"
LOGS = "/passerelle.v1.AdminService/StreamLogs"
STATUS = "/passerelle.v1.AdminService/WatchStatus"
READY = "/passerelle.v1.ProbeService/CheckReadiness"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


def admission(keys: Sequence[str] = ()) -> Admission:
    """Comptes d'un processus."""
    return Admission(Guard(keys, ()), LIMITS)


async def hold(found: Admission, method: str, address: str | None = "192.0.2.1") -> "asyncio.Task[None]":
    """Ouvre un appel qui ne finit pas."""
    entered = asyncio.Event()

    async def call() -> None:
        try:
            found.enter(method, () if address is None else ((CLIENT, address),))
        finally:
            entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await entered.wait()
    await asyncio.sleep(0)
    if task.done():
        task.result()
    return task


async def taken(found: Admission, method: str, address: str | None = "192.0.2.1") -> int:
    """Appels tenus avant le premier refus ; 20 : aucun refus."""
    for count in range(20):
        try:
            await hold(found, method, address)
        except QueueFull:
            return count
    return 20


@pytest.mark.parametrize("method", [STATUS, WATCH, READY, CHECK, "/passerelle.v1.AdminService/GetStatus"])
@pytest.mark.parametrize("keys", [(), ("cle",)])
async def test_what_needs_no_key_has_a_share(method: str, keys: Sequence[str]) -> None:
    assert await taken(admission(keys), method) == 2


async def test_a_key_lifts_the_share_of_an_address() -> None:
    assert await taken(admission(), CHAT) == 4
    assert await taken(admission(["cle"]), CHAT) == 6
    assert await taken(admission(), LOGS) == 2
    assert await taken(admission(["cle"]), LOGS) == 6


async def test_addresses_share_the_total() -> None:
    found = admission()
    assert [await taken(found, STATUS, f"192.0.2.{index}") for index in range(3)] == [2, 1, 0]


async def test_each_count_is_apart() -> None:
    found = admission()
    assert [await taken(found, method) for method in (STATUS, WATCH, READY, CHECK, CHAT)] == [2, 0, 2, 0, 4]


async def test_what_comes_from_inside_is_not_counted() -> None:
    found = admission()
    assert await taken(found, CHECK, None) == 20
    assert await taken(found, CHECK) == 2


async def test_the_local_socket_has_no_share_but_counts() -> None:
    assert await taken(admission(), CHAT, "") == 6


async def test_a_finished_call_gives_its_place_back() -> None:
    found = admission()
    held = [await hold(found, STATUS), await hold(found, STATUS)]
    with pytest.raises(QueueFull) as caught:
        await hold(found, STATUS)
    assert caught.value.metadata == {"field": "max_open_calls_per_address", "limit": "2", "value": "3"}
    held[0].cancel()
    await asyncio.gather(held[0], return_exceptions=True)
    await hold(found, STATUS)
    with pytest.raises(QueueFull):
        await hold(found, STATUS)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "20010db800000000"),
        ("[2001:db8::ffff:1]", "20010db800000000"),
        ("2001:db8:0:1::1", "20010db800000001"),
        ("", ""),
        ("/run/envoy-local.sock", ""),
    ],
)
def test_an_ipv6_client_counts_for_its_prefix(text: str, address: str) -> None:
    assert client_address(((CLIENT, text),)) == address


def test_no_address_is_no_client() -> None:
    assert client_address((("x-request-id", "a"),)) is None
