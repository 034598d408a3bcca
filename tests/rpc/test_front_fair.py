"""L'équité entre appelants, du front à l'exemplaire : qui demande beaucoup n'affame pas qui demande peu."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from passerelle.control.v1 import control_pb2

from server.domain import Limits
from server.worker.turnover import Turnover
from tests.support.front_rig import Rig, answer, body, front
from tests.support.waiting import soon, until

KEYS = ("cle-a", "cle-b")
Answer = tuple[int, dict[str, str], str, bytes]


def key(name: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer cle-{name}"),)


def address(text: str) -> tuple[tuple[str, str], ...]:
    return (("x-passerelle-client", text),)


def ask(rig: Rig, who: Sequence[tuple[str, str]], **fields: Any) -> "asyncio.Task[Answer]":
    """Pose une question ; `stop` la nomme."""
    return asyncio.create_task(answer(rig.rest.CreateChatCompletion(body(**fields), metadata=tuple(who))))


def complete(rig: Rig, who: Sequence[tuple[str, str]], **fields: Any) -> "asyncio.Task[Answer]":
    request = body(**fields)
    request.data = json.dumps({"model": "qwen", **fields}).encode()
    return asyncio.create_task(answer(rig.rest.CreateCompletion(request, metadata=tuple(who))))


def order(rig: Rig) -> list[str]:
    """Questions menées par le moteur, dans l'ordre."""
    return [request["stop"] for request in rig.engine.requests]


@asynccontextmanager
async def crowded(folder: Path, **options: Any) -> AsyncIterator[tuple[Rig, asyncio.Event]]:
    """Un moteur qui mène une requête à la fois, arrêté jusqu'à ce que l'événement soit levé."""
    async with front(folder, max_running=1, **options) as rig:
        opened = asyncio.Event()

        async def step(_index: int) -> None:
            await opened.wait()

        rig.engine.step = step
        yield rig, opened


async def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    async with crowded(tmp_path, max_waiting=2) as (rig, opened):
        clock = [100.0]
        rig.workers[0].host._turnover = Turnover(lambda: clock[0])
        asked = [ask(rig, (), user=f"u{rank}") for rank in range(3)]
        await waiting(rig, 2)
        clock[0] += 4.0
        status, headers, _, data = await ask(rig, ())
        # Rien n'a fini : trois fois l'âge de la requête en cours.
        assert (status, headers["retry-after"]) == (429, "12")
        assert "Please try again in 12s." in json.loads(data)["error"]["message"]
        opened.set()
        assert {(await one)[0] for one in asked} == {200}
        opened.clear()
        asked = [ask(rig, (), user=f"v{rank}") for rank in range(3)]
        await waiting(rig, 2)
        status, headers, _, _ = await ask(rig, ())
        # La première a duré quatre secondes, les suivantes rien.
        assert (status, headers["retry-after"]) == (429, "8")
        opened.set()
        assert {(await one)[0] for one in asked} == {200}


async def waiting(rig: Rig, count: int) -> None:
    await until(lambda: rig.workers[0].busy == (1, count), f"{count} en attente")


async def test_another_key_is_served_at_the_next_place(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS) as (rig, opened):
        tasks = []
        for index in range(6):
            tasks.append(ask(rig, key("a"), stop=f"a{index}"))
            await waiting(rig, index)
        tasks.append(ask(rig, key("b"), stop="b0"))
        await waiting(rig, 6)
        opened.set()
        assert {found[0] for found in await asyncio.gather(*tasks)} == {200}
        assert order(rig) == ["a0", "b0", "a1", "a2", "a3", "a4", "a5"]


async def test_without_keys_an_address_is_a_caller(tmp_path: Path) -> None:
    async with crowded(tmp_path) as (rig, opened):
        tasks = []
        for index in range(4):
            tasks.append(ask(rig, address("198.51.100.7"), stop=f"a{index}"))
            await waiting(rig, index)
        tasks.append(ask(rig, address("203.0.113.9"), stop="b0"))
        await waiting(rig, 4)
        opened.set()
        await asyncio.gather(*tasks)
        assert order(rig) == ["a0", "b0", "a1", "a2", "a3"]


async def test_a_full_queue_puts_out_the_newest_of_who_holds_most(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS, max_waiting=3) as (rig, opened):
        tasks = []
        for index in range(4):
            tasks.append(ask(rig, key("a"), stop=f"a{index}"))
            await waiting(rig, index)
        late = ask(rig, key("b"), stop="b0")
        # La plus récente de a reçoit le refus ordinaire, avec ses faits.
        status, headers, _, data = await soon(tasks.pop())
        assert (status, headers["retry-after"]) == (429, "1")
        error = json.loads(data)["error"]
        assert error["code"] == "queue_full" and "3 requêtes en attente" in error["message"]
        # Celle de plus de a ne met personne dehors.
        assert (await soon(ask(rig, key("a"), stop="a4")))[0] == 429
        await waiting(rig, 3)
        opened.set()
        assert {found[0] for found in await asyncio.gather(late, *tasks)} == {200}
        assert order(rig) == ["a0", "b0", "a1", "a2"]


async def test_one_place_to_wait_in_goes_to_who_holds_nothing(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS, max_waiting=1) as (rig, opened):
        running = ask(rig, key("a"), stop="a0")
        await waiting(rig, 0)
        queued = ask(rig, key("a"), stop="a1")
        await waiting(rig, 1)
        late = ask(rig, key("b"), stop="b0")
        assert (await soon(queued))[0] == 429
        opened.set()
        assert (await running)[0] == (await late)[0] == 200


async def test_a_request_weighs_its_choices(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS) as (rig, opened):
        tasks = [ask(rig, key("a"), stop="premier")]
        await waiting(rig, 0)
        for name in ("a0", "a1"):
            tasks.append(ask(rig, key("a"), stop=name, n=4))
        await waiting(rig, 2)
        for index in range(6):
            tasks.append(ask(rig, key("b"), stop=f"b{index}"))
            await waiting(rig, 3 + index)
        opened.set()
        assert {found[0] for found in await asyncio.gather(*tasks)} == {200}
        assert order(rig) == ["premier", "b0", "b1", "b2", "b3", "a0", "b4", "b5", "a1"]


async def test_a_bigger_share_passes_as_many_times_more(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS, shares={"k1": 3}, max_waiting=16) as (rig, opened):
        tasks = [ask(rig, key("a"), stop="premier")]
        await waiting(rig, 0)
        for index, (who, name) in enumerate([("a", f"a{n}") for n in range(3)] + [("b", f"b{n}") for n in range(8)], 1):
            tasks.append(ask(rig, key(who), stop=name))
            await waiting(rig, index)
        opened.set()
        assert {found[0] for found in await asyncio.gather(*tasks)} == {200}
        # Trois de « b » pour une de « a », à qui la première, encore en cours, en a déjà coûté une.
        assert order(rig) == ["premier", "b0", "b1", "b2", "b3", "b4", "a0", "b5", "b6", "b7", "a1", "a2"]


async def test_many_prompts_are_served_one_at_a_time(tmp_path: Path) -> None:
    async with crowded(tmp_path, keys=KEYS) as (rig, opened):
        many = complete(rig, key("a"), stop="a", prompt=["un", "deux", [1, 2]])
        await waiting(rig, 0)
        other = ask(rig, key("b"), stop="b")
        await waiting(rig, 1)
        opened.set()
        status, _, _, data = await many
        assert (status, (await other)[0]) == (200, 200)
        assert [choice["index"] for choice in json.loads(data)["choices"]] == [0, 1, 2]
        assert order(rig) == ["a", "b", "a", "a"]
        assert [r["prompt"] for r in rig.engine.requests if "prompt" in r] == ["un", "deux", [1, 2]]


async def test_waiting_for_a_load_is_shared_too(tmp_path: Path) -> None:
    limits = Limits(max_pending_loads=2, load_wait_seconds=30)
    async with front(tmp_path, workers=0, limits=limits, keys=KEYS) as rig:
        release = asyncio.Event()

        async def load(_key: str, _timeout: float) -> control_pb2.ModelRoute:
            await release.wait()
            worker = rig.workers[0] if rig.workers else await rig.add_worker()
            return rig.route(worker)

        rig.control.loader = load
        first = ask(rig, key("a"), stop="a0")
        await until(lambda: rig.control.loading == 1, "une attente")
        second = ask(rig, key("a"), stop="a1")
        await until(lambda: rig.control.loading == 2, "deux attentes")
        late = ask(rig, key("b"), stop="b0")
        status, headers, _, data = await soon(second)
        assert (status, headers["retry-after"]) == (429, "5")
        assert json.loads(data)["error"]["code"] == "queue_full"
        assert (await soon(ask(rig, key("a"), stop="a2")))[0] == 429
        await until(lambda: rig.control.loading == 2, "deux attentes encore")
        release.set()
        assert (await first)[0] == (await late)[0] == 200
