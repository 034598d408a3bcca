"""`passerelle usage` devant le vrai service : tableau, CSV, JSON, effacement."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc.aio
import pytest
from click.testing import CliRunner, Result
from passerelle.v1 import requests_pb2, usage_pb2_grpc
from prometheus_client import CollectorRegistry

from server.cli.app import cli
from server.control.record.keys import KeyBook
from server.control.requests.store import UsageStore
from server.control.requests.window import Request, Window
from server.control.services.owners import Owners
from server.control.services.usage import UsageService
from server.domain import Limits
from server.named_keys import KEYS
from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics

Run = Callable[..., Awaitable[Result]]


def _ended(status: str, key: str = "k0", model: str = "qwen") -> Request:
    request = Request(key=key, model=model, sort=requests_pb2.REQUEST_SORT_CHAT, status=status, tokens_out=7)
    request.received_at.FromSeconds(int(time.time()))
    return request


@pytest.fixture
def guard() -> Guard:
    """La porte du serveur, ouverte."""
    return Guard((), ())


@pytest.fixture
async def run(tmp_path: Path, guard: Guard) -> AsyncIterator[Run]:
    """Joue `passerelle usage` devant un serveur qui a servi trois requêtes."""
    store = UsageStore(tmp_path / "usage.sqlite", 90)
    store.add("vie", 1, [_ended(status) for status in ("OK", "OK", "QUEUE_FULL")])
    server = grpc.aio.server(interceptors=[ServiceInterceptor(guard, RpcMetrics(CollectorRegistry()))])
    book = KeyBook(tmp_path / KEYS, tmp_path / "copie.json", Limits())
    key, _ = await book.create(["chat"], owner="atelier")
    store.add("vie", 2, [_ended("OK", key.id)])
    service = UsageService(store, Window(1), Owners(book), lambda name: {"gpt": "qwen"}.get(name, name))
    usage_pb2_grpc.add_UsageServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def invoke(*arguments: str) -> Result:
        asked = ("--address", f"127.0.0.1:{port}", "usage", *arguments)
        return await asyncio.to_thread(CliRunner().invoke, cli, asked)

    yield invoke
    await server.stop(0)
    await store.aclose()


async def test_a_table_says_who_used_what(run: Run) -> None:
    found = await run("--since", "7j")
    assert found.exit_code == 0, found.output
    titles, row, _ = found.output.splitlines()
    assert titles.startswith("depuis") and row.split()[2:8] == ["k0", "qwen", "3", "1", "0", "21"]
    assert (await run("--of", "k1")).output == "Aucune requête sur cette période.\n"
    for asked, named in ((("--of", "atelier"), ["psl_"]), (("--model", "gpt"), ["k0", "psl_"])):
        _, *rows = (await run(*asked)).output.splitlines()
        assert [row.split()[2][:4] for row in rows] == named, asked


async def test_the_csv_and_the_json_are_those_of_the_service(run: Run) -> None:
    assert (await run("--csv", "--by", "heure")).output.splitlines()[1].split(",")[1:5] == ["k0", "qwen", "", "3"]
    # Un compte y est un entier, comme par REST : « 2.0 » serait un texte ici.
    [row] = json.loads((await run("--json", "--of", "k0")).output, parse_float=str)["rows"]
    assert row["outcomes"] == {"OK": 2, "QUEUE_FULL": 1}
    assert (row["requests"], row["tokens_out"], row["audio_seconds"]) == (3, 21, 0)


async def test_erasing_is_confirmed(run: Run) -> None:
    assert (await run("--erase", "k0")).exit_code == 2
    assert (await run("--erase", "k0", "--yes")).output == "k0 : 3 requêtes effacées\n"
    assert (await run("--erase-owner", "atelier")).exit_code == 2
    assert (await run("--erase-owner", "atelier", "--erase", "k0", "--yes")).exit_code == 2
    answer = json.loads((await run("--erase-owner", "atelier", "--yes", "--json")).output)["erased"]
    assert answer["requests"] == 1 and len(answer["keys"]) == 1
    assert (await run("--erase-owner", "atelier", "--yes")).output == "atelier : 0 requêtes effacées\n"
    assert (await run()).output == "Aucune requête sur cette période.\n"


@pytest.mark.parametrize("span", ["24", "h", "-1h", "0j", "1s", "²h", "99999j"])
async def test_a_period_that_is_none_is_named(run: Run, span: str) -> None:
    found = await run("--since", span)
    assert found.exit_code == 2 and "n'est pas une durée" in found.output


@pytest.mark.parametrize("guard", [Guard(("cle",), ("cle-admin",))])
async def test_a_key_that_is_missing_says_where_to_give_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_KEYS", "ADMIN_KEYS", "PASSERELLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    found = await run()
    assert found.exit_code == 1 and "MISSING_API_KEY" in found.output
    assert "--key" in found.output and "PASSERELLE_API_KEY" in found.output
