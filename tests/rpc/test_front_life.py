"""Ce qui arrive à une requête : abandon, file pleine, perte d'un exemplaire, arrêt."""

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from passerelle.control.v1 import control_pb2
from passerelle.v1 import model_pb2

from server.domain import Limits
from server.errors import ModelUnloaded
from server.front.routing.control_client import to_route
from server.link.client import LinkClient
from server.rpc.metrics import expose
from tests.fakes.control import model_route
from tests.rpc.test_front_chat import reason, refused
from tests.support.front_calls import WAYS, calls, consume, gate, listed, never
from tests.support.front_rig import AWAY, MAX_FRAME, answer, body, front, other_routes, sse, typed
from tests.support.waiting import soon, until


@pytest.mark.parametrize("way", WAYS)
async def test_a_vanished_client_frees_the_engine_at_once(tmp_path: Path, way: str) -> None:
    async with front(tmp_path) as rig:
        gate(rig, after=2)
        task = asyncio.create_task(consume(calls(rig)[way]()))
        await until(lambda: rig.engine.produced == 2, "deux pas faits")
        task.cancel()
        await until(lambda: rig.workers[0].busy == (0, 0), "place rendue")
        await until(lambda: rig.engine.running == 0 and rig.engine.abandoned == 1, "moteur arrêté")
        assert rig.engine.produced == 2
        wanted = b'passerelle_generations_total{kind="chat",model="qwen",status="CANCELLED"} 1.0'
        await until(lambda: wanted in expose(rig.registry), "abandon compté")


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_vanishes_from_the_queue_leaves_it(tmp_path: Path, way: str) -> None:
    async with front(tmp_path, max_running=1) as rig:
        opened = gate(rig)
        first = asyncio.create_task(consume(calls(rig)["typed"]()))
        await until(lambda: rig.workers[0].busy == (1, 0), "premier en cours")
        second = asyncio.create_task(consume(calls(rig)[way]()))
        await until(lambda: rig.workers[0].busy == (1, 1), "second en attente")
        second.cancel()
        await until(lambda: rig.workers[0].busy == (1, 0), "file quittée")
        opened.set()
        await first
        assert len(rig.engine.requests) == 1


async def test_a_deadline_reaches_the_engine(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        gate(rig)
        error = await refused(rig.chat.Chat(typed(), timeout=0.2))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: rig.engine.running == 0, "moteur arrêté")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_full_queue_says_so_at_once(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, max_running=1, max_waiting=1) as rig:
        opened = gate(rig)
        waiting = [asyncio.create_task(consume(calls(rig)["typed"]())) for _ in range(2)]
        await until(lambda: rig.workers[0].busy == (1, 1), "file pleine")
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body(stream=stream)))
        assert (status, headers["retry-after"]) == (429, "1")
        assert json.loads(data)["error"]["code"] == "queue_full"
        error = await refused(rig.chat.Chat(typed()))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(error)[0] == "QUEUE_FULL"
        opened.set()
        await asyncio.gather(*waiting)


@pytest.mark.parametrize("way", WAYS)
async def test_a_lost_worker_is_said(tmp_path: Path, way: str) -> None:
    async with front(tmp_path) as rig:
        gate(rig)
        call = calls(rig)[way]()
        task = asyncio.create_task(answer(call) if way.startswith("rest") else refused(call))
        await until(lambda: rig.workers[0].busy == (1, 0), "requête en cours")
        await rig.workers[0].server.stop()
        result: Any = await task
        if way.startswith("rest"):
            assert (result[0], json.loads(result[3])["error"]["code"]) == (503, "worker_lost")
        else:
            assert reason(result)[0] == "WORKER_LOST"


async def test_a_returned_worker_serves_again(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        await rig.chat.Chat(typed())
        await rig.workers[0].server.stop()
        again = await rig.add_worker()
        assert (await rig.chat.Chat(typed())).choices
        assert len(again.engine.requests) == 1


async def test_the_least_loaded_replica_is_chosen(tmp_path: Path) -> None:
    async with front(tmp_path, workers=2) as rig:
        opened = gate(rig)
        rig.workers[1].engine.step = rig.engine.step
        await until(lambda: all(w.server.links for w in rig.workers), "exemplaires reliés")
        tasks = [asyncio.create_task(consume(calls(rig)["typed"]())) for _ in range(6)]
        await until(lambda: sum(sum(w.busy) for w in rig.workers) == 6, "six requêtes")
        assert [sum(w.busy) for w in rig.workers] == [3, 3]
        opened.set()
        await asyncio.gather(*tasks)


async def test_a_withdrawn_replica_ends_what_it_has(tmp_path: Path) -> None:
    async with front(tmp_path, workers=2) as rig:
        opened = gate(rig)
        rig.workers[1].engine.step = rig.engine.step
        await until(lambda: all(w.server.links for w in rig.workers), "exemplaires reliés")
        tasks = [asyncio.create_task(consume(calls(rig)["typed"]())) for _ in range(2)]
        await until(lambda: [sum(w.busy) for w in rig.workers] == [1, 1], "une chacun")
        rig.control.publish(rig.route(rig.workers[1]), model_route("nouveau"), *other_routes())
        await listed(rig, "nouveau")
        third = asyncio.create_task(consume(calls(rig)["typed"]()))
        await until(lambda: sum(rig.workers[1].busy) == 2, "la troisième sur l'exemplaire gardé")
        opened.set()
        await asyncio.gather(*tasks, third)
        await until(lambda: not rig.workers[0].server.links, "liaison refermée")


async def test_the_front_stops_after_its_streams(tmp_path: Path) -> None:
    async with front(tmp_path, stop_grace=30.0) as rig:
        opened = gate(rig, after=1)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        first = await call.read()
        stopping = asyncio.create_task(rig.server.stop())
        opened.set()
        data = first.data
        while (part := await call.read()) is not grpc.aio.EOF:
            data += part.data
        assert sse(data)[-1] == "[DONE]"
        await soon(stopping)
        assert not (tmp_path / "front-0.sock").exists()


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_grace_does_not_suffice_to_end_is_ended_by_an_error(tmp_path: Path, way: str) -> None:
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        call = calls(rig)[way]()
        task = asyncio.create_task(answer(call) if way.startswith("rest") else refused(call))
        await until(lambda: rig.workers[0].busy == (1, 0), "requête en cours")
        await rig.server.stop()
        result: Any = await task
        if way == "rest-stream":
            assert sse(result[3])[-1]["error"]["code"] == "shutting_down"
        elif way.startswith("rest"):
            assert (result[0], json.loads(result[3])["error"]["code"]) == (503, "shutting_down")
            assert float(result[1]["retry-after"]) == AWAY
        else:
            assert reason(result)[0] == "SHUTTING_DOWN"
        await until(lambda: rig.engine.abandoned == 1, "requête abandonnée")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("now", [True, False], ids=["aussitôt", "délai dépassé"])
async def test_a_request_cut_by_an_unload_is_told_so(tmp_path: Path, way: str, now: bool) -> None:
    """Le plan de contrôle dit pourquoi à l'exemplaire, qui s'arrête ensuite : jamais « le processus a disparu »."""
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        call = calls(rig)[way]()
        task = asyncio.create_task(answer(call) if way.startswith("rest") else refused(call))
        await until(lambda: rig.workers[0].busy == (1, 0), "requête en cours")
        control = await LinkClient.connect(
            str(rig.workers[0].path), "control", max_frame_bytes=MAX_FRAME, request_buffer_bytes=1024
        )
        await control.parting(ModelUnloaded("Le modèle « qwen » a été déchargé.", retry_after=1.0), now=now)
        if not now:
            assert rig.workers[0].busy == (1, 0)
            await rig.workers[0].host.drain(0.1)
        result: Any = await task
        if way == "rest-stream":
            assert sse(result[3])[-1]["error"]["code"] == "model_unloaded"
        elif way.startswith("rest"):
            assert (result[0], json.loads(result[3])["error"]["code"]) == (503, "model_unloaded")
        else:
            assert reason(result)[0] == "MODEL_UNLOADED"
        await control.aclose()


async def test_the_death_of_an_engine_is_not_said_to_be_a_stop(tmp_path: Path) -> None:
    """Les autres requêtes d'un moteur mort : perdues avec lui, non arrêtées exprès."""
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        others = [asyncio.create_task(refused(rig.chat.Chat(typed()))) for _ in range(2)]
        await until(lambda: rig.workers[0].busy == (2, 0), "requêtes en cours")
        rig.workers[0].host.died()
        await rig.workers[0].host.drain(0.0)
        assert {reason(await one)[0] for one in others} == {"WORKER_LOST"}


async def test_a_request_that_waits_for_a_load_is_ended_too(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=60)) as rig:
        rig.control.loader = never
        call = asyncio.create_task(refused(calls(rig)["typed"]()))
        await until(lambda: rig.control.loading == 1, "demande")
        await rig.server.stop()
        assert reason(await call)[0] == "SHUTTING_DOWN"


async def test_a_silent_replica_is_left_aside_until_it_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead)
    for module in ("client", "framing"):
        monkeypatch.setattr(f"server.link.{module}.time", clock)
    monkeypatch.setattr("server.link.server._HEARTBEAT_SECONDS", 0.05)
    async with front(tmp_path, workers=2) as rig:
        await until(lambda: all(w.server.links for w in rig.workers), "exemplaires reliés")
        silent, other = rig.workers
        assert silent.server._heartbeat is not None
        silent.server._heartbeat.cancel()
        ahead += 1000.0
        for _ in range(4):
            await rig.chat.Chat(typed())
        assert (len(silent.engine.requests), len(other.engine.requests)) == (0, 4)
        # Plus personne ne parle : la requête attend, sans partir vers un exemplaire figé.
        assert other.server._heartbeat is not None
        other.server._heartbeat.cancel()
        ahead += 1000.0
        waiting = asyncio.create_task(consume(calls(rig)["typed"]()))
        await asyncio.sleep(0.1)
        assert not waiting.done() and not silent.engine.requests
        silent.server._heartbeat = asyncio.create_task(silent.server._beat())
        await soon(waiting)
        assert len(silent.engine.requests) == 1


def test_states_other_than_ready_are_not_routed() -> None:
    for state in (model_pb2.MODEL_STATE_READY, model_pb2.MODEL_STATE_LOADING, model_pb2.MODEL_STATE_UNLOADING):
        route = to_route(model_route("qwen", "/run/q.sock", state=state))
        assert route is not None
        assert route.ready is (state == model_pb2.MODEL_STATE_READY)


def test_the_socket_of_every_replica_is_routed() -> None:
    route = to_route(model_route("qwen", "/run/0.sock", "/run/1.sock"))
    assert route is not None
    assert route.sockets == ("/run/0.sock", "/run/1.sock")


def test_a_front_of_another_version_reads_the_socket() -> None:
    # Ces octets sont ceux du champ répété d'avant, d'un seul élément.
    written = control_pb2.WorkerRoute(id="qwen-0", socket="/run/q.sock").SerializeToString()
    assert written == b"\n\x06qwen-0\x12\x0b/run/q.sock"
