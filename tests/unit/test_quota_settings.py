"""Le quota d'une clé : posé, changé, dit à chacun ; celui par défaut, et à qui il revient."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import yaml
from click.testing import CliRunner, Result
from passerelle.v1 import keys_pb2, keys_pb2_grpc, quotas_pb2, route_pb2
from prometheus_client import CollectorRegistry

from server.cli.app import cli
from server.control.quotas.counters import Counters
from server.control.record.keys import KeyBook
from server.control.services.keys import KeyService
from server.control.services.quotas import QuotaService
from server.domain import Limits
from server.errors import InvalidRequest
from server.named_keys import KEYS, KeyTable
from server.quotas import Quota
from server.rpc.auth import Guard
from server.rpc.caller import Caller, caller
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from server.settings.changes import change
from server.settings.config import load_config
from server.tables import ConfigError

CHAT = "/passerelle.v1.ChatService/Chat"
OPENAI = {"requests", "tokens"}
ROOT = Path(__file__).parents[2]
DEFAULT = Quota(requests_per_minute=9)


class Rig:
    """Le service des clés, ce qu'il compte, et la garde d'un front."""

    def __init__(self, folder: Path) -> None:
        (folder / "prises").mkdir()
        self.counters = Counters(time.time)
        self.book = KeyBook(folder / KEYS, folder / "prises" / KEYS, Limits())
        self.service = KeyService(self.book, str, Limits(), time.time, self.counters, DEFAULT)
        self.guard = Guard(("ouvre",), ("administre",), named=KeyTable(folder / "prises" / KEYS), default_quota=DEFAULT)

    def quota(self, value: str) -> Quota | None:
        """Celui que ce front appliquerait à cette clé."""
        return self.guard.check_scope(route_pb2.SCOPE_CHAT, [("x-api-key", value)]).quota


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_quota_set_changed_or_lifted_holds_at_the_next_call(rig: Rig) -> None:
    made = await rig.service.CreateKey(keys_pb2.CreateKeyRequest(quota={"tokens_per_day": 2**53}), None)
    assert rig.quota(made.value) == Quota(tokens_per_day=2**53)
    wanted = {"audio_minutes_per_hour": 3, "parallel_requests": 2}
    await rig.service.SetKeyQuota(keys_pb2.SetKeyQuotaRequest(id=made.key.id, quota=wanted), None)
    assert rig.quota(made.value) == Quota(**wanted)
    # Absent, celui par défaut ; vide, aucun.
    await rig.service.SetKeyQuota(keys_pb2.SetKeyQuotaRequest(id=made.key.id), None)
    assert rig.quota(made.value) == DEFAULT
    await rig.service.SetKeyQuota(keys_pb2.SetKeyQuotaRequest(id=made.key.id, quota={}), None)
    assert rig.quota(made.value) is None


def test_a_default_quota_spares_the_keys_of_administration(rig: Rig) -> None:
    assert rig.quota("ouvre") == DEFAULT and rig.quota("administre") is None


async def test_a_quota_out_of_bounds_is_named(rig: Rig) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await rig.service.CreateKey(keys_pb2.CreateKeyRequest(quota={"tokens_per_month": 2**53 + 1}), None)
    assert refused.value.metadata["field"] == "quota.tokens_per_month"
    assert str(2**53) in str(refused.value)


async def test_everyone_reads_what_is_left_of_their_own(rig: Rig) -> None:
    rig.counters.take("psl_a", "audio_minutes_per_day", 90_000, 90_000, 300_000, "v1")
    caller.set(Caller("psl_a", keyed=True, quota=Quota(audio_minutes_per_day=5)))
    found = await QuotaService(rig.counters).GetQuota(quotas_pb2.GetQuotaRequest(), None)
    [use] = found.uses
    assert (found.key, use.name, use.used, use.limit) == ("psl_a", "audio_minutes_per_day", 1.5, 5)
    assert use.resets_at.ToSeconds() % 86400 == 0
    caller.set(Caller("a192.0.2.7"))
    assert not (await QuotaService(rig.counters).GetQuota(quotas_pb2.GetQuotaRequest(), None)).ByteSize()


@pytest.mark.parametrize(
    "text", ["requests=3", "requests_per_minute", "tokens_per_day=-1", "parallel_requests=5000000000"]
)
def test_a_wrong_default_quota_is_named(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config({"PASSERELLE_DEFAULT_QUOTA": text})
    assert "PASSERELLE_DEFAULT_QUOTA" in str(refused.value) and text.partition("=")[0] in str(refused.value)


def test_a_reload_that_changes_the_default_quota_replaces_the_fronts() -> None:
    before = load_config({"OPENAI_KEYS": "une"})
    after = load_config({"OPENAI_KEYS": "une", "PASSERELLE_DEFAULT_QUOTA": "requests_per_minute=9"})
    assert before.default_quota is None and after.default_quota == DEFAULT
    assert change(before, after).fronts and not change(before, after).dashboard


def test_a_browser_s_client_may_read_every_header_of_a_quota() -> None:
    text = (ROOT / "envoy" / "envoy.yaml").read_text("utf-8")
    [exposed] = [line.partition(":")[2] for line in text.splitlines() if "expose_headers:" in line]
    names = {f"x-ratelimit-{what}-{name}" for what in ("limit", "remaining", "reset") for name in OPENAI}
    assert names | {"x-should-retry", "retry-after"} <= set(yaml.safe_load(exposed).split(","))


Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(rig: Rig) -> AsyncIterator[Run]:
    """Joue `passerelle keys` devant ce service."""
    policy: Any = dict.fromkeys(
        (f"/passerelle.v1.KeyService/{name}" for name in ("CreateKey", "ListKeys", "SetKeyQuota")),
        route_pb2.SCOPE_PUBLIC,
    )
    interceptor = ServiceInterceptor(Guard((), (), policy=policy), RpcMetrics(CollectorRegistry()))
    server = grpc.aio.server(interceptors=[interceptor])
    keys_pb2_grpc.add_KeyServiceServicer_to_server(rig.service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def invoke(*arguments: str) -> Result:
        asked = ("--address", f"127.0.0.1:{port}", "keys", *arguments)
        return await asyncio.to_thread(CliRunner().invoke, cli, asked)

    yield invoke
    await server.stop(0)


async def test_the_command_line_sets_changes_and_shows(run: Run, rig: Rig) -> None:
    made = await run("create", "--quota", "requests_per_minute=60", "--quota", "tokens_per_day=5")
    assert made.exit_code == 0, made.output
    [listed] = json.loads((await run("list", "--json")).output)["keys"]
    assert (listed["quota"]["requests_per_minute"], listed["quota"]["tokens_per_day"]) == (60, "5")
    rig.counters.take(listed["id"], "tokens_per_day", 4, 4, 5, "v1")
    assert "tokens_per_day 4/5" in (await run("list")).output
    changed = await run("quota", listed["id"], "tokens_per_day=8")
    assert changed.output == f"{listed['id']} : tokens_per_day 4/8\n"
    assert (await run("quota", listed["id"])).output.endswith("requests_per_minute 0/9\n")
    assert (await run("quota", listed["id"], "--none")).output.endswith("aucune limite\n")
    assert (await run("quota", listed["id"], "tokens=8")).exit_code == 2
