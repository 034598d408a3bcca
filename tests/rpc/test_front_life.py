"""Ce qui arrive à une requête : abandon, file pleine, chargement, lenteur, perte d'un exemplaire, arrêt."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from passerelle.control.v1 import control_pb2
from passerelle.v1 import chat_pb2, model_pb2, rest_pb2

from server.domain import Limits
from server.errors import ModelLoadFailed, ModelLoading, ModelNotDownloaded, ModelUnloaded
from server.front.routing.control_client import to_route
from server.link.client import LinkClient
from server.rpc.metrics import expose
from tests.fakes.control import FakeControl, model_route, serving_control
from tests.rpc.test_front_chat import reason, refused
from tests.support.front_rig import MAX_FRAME, WORDS, Rig, answer, body, front, other_routes, sse, typed
from tests.support.waiting import PATIENCE, soon, until

TEXT = "".join(WORDS)


def gate(rig: Rig, *, after: int = 0) -> asyncio.Event:
    """Arrête le moteur avant son pas `after`, jusqu'à ce que l'événement soit levé."""
    opened = asyncio.Event()

    async def step(index: int) -> None:
        if index >= after:
            await opened.wait()

    rig.engine.step = step
    return opened


def calls(rig: Rig) -> dict[str, Callable[[], Any]]:
    """Une façon d'appeler par forme."""
    return {
        "rest": lambda: rig.rest.CreateChatCompletion(body()),
        "rest-stream": lambda: rig.rest.CreateChatCompletion(body(stream=True)),
        "typed": lambda: rig.chat.Chat(typed()),
        "typed-stream": lambda: rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed())),
    }


async def consume(call: Any) -> None:
    """Lit tout ce qu'un appel rend ; abandonnée, elle annule l'appel."""
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for _ in call:
                pass
        else:
            await call
    finally:
        # Annulée entre deux lectures, la tâche laisserait grpc.aio tenir l'appel ouvert : le client ne serait pas parti.
        call.cancel()


WAYS = ("rest", "rest-stream", "typed", "typed-stream")


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


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_vanishes_while_a_model_loads_waits_no_more(tmp_path: Path, way: str) -> None:
    async with front(tmp_path, workers=0) as rig:
        rig.control.loader = _never
        task = asyncio.create_task(consume(calls(rig)[way]()))
        await until(lambda: rig.control.loading == 1, "chargement demandé")
        task.cancel()
        await until(lambda: rig.control.loading == 0, "demande retirée")


async def _never(_key: str, _timeout: float) -> control_pb2.ModelRoute:
    await asyncio.Event().wait()
    raise AssertionError


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
async def test_a_request_waits_for_its_model_to_load(tmp_path: Path, way: str) -> None:
    async with front(tmp_path, workers=0) as rig:

        async def load(key: str, timeout: float) -> control_pb2.ModelRoute:
            assert key == "qwen" and 0 < timeout <= PATIENCE
            worker = await rig.add_worker()
            rig.publish(worker)
            return rig.route(worker)

        rig.control.loader = load
        await consume(calls(rig)[way]())
        assert rig.control.loads == ["qwen"]
        await consume(calls(rig)[way]())
        assert rig.control.loads == ["qwen"]


async def test_a_stream_says_that_it_is_loading(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0) as rig:
        release = asyncio.Event()

        async def load(_key: str, _timeout: float) -> control_pb2.ModelRoute:
            await release.wait()
            return rig.route(await rig.add_worker())

        rig.control.loader = load
        call = rig.rest.CreateChatCompletion(body(stream=True))
        first = await soon(call.read())
        assert (first.content_type, first.data) == ("text/event-stream", b": chargement\n\n")
        release.set()
        data = b""
        while (part := await call.read()) is not grpc.aio.EOF:
            data += part.data
        assert sse(data)[-1] == "[DONE]"
        assert "x-http-status" not in dict(await call.initial_metadata())


async def test_a_load_that_fails_after_a_notice_is_an_event(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0) as rig:
        release = asyncio.Event()

        async def load(_key: str, _timeout: float) -> control_pb2.ModelRoute:
            await release.wait()
            raise ModelLoadFailed("Poids illisibles.")

        rig.control.loader = load
        call = rig.rest.CreateChatCompletion(body(stream=True))
        await soon(call.read())
        release.set()
        last = await call.read()
        assert sse(last.data)[0]["error"]["code"] == "model_load_failed"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_is_not_downloaded_is_refused_at_once(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, workers=0) as rig:

        async def load(key: str, _timeout: float) -> control_pb2.ModelRoute:
            raise ModelNotDownloaded(f"Les poids de « {key} » ne sont pas là.", metadata={"model": key})

        rig.control.loader = load
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(stream=stream)))
        assert (status, json.loads(data)["error"]["code"]) == (503, "model_not_downloaded")
        error = await refused(rig.chat.Chat(typed()))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert reason(error) == ("MODEL_NOT_DOWNLOADED", {"model": "qwen"})


async def test_a_load_longer_than_the_wait_is_503_with_retry_after(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=0.2)) as rig:
        rig.control.loader = _never
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body()))
        assert (status, headers["retry-after"]) == (503, "5")
        assert json.loads(data)["error"]["code"] == "model_loading"
        await until(lambda: rig.control.loading == 0, "demande retirée")


async def test_control_ends_the_wait_and_says_when_to_come_back(tmp_path: Path) -> None:
    asked: list[float] = []

    async def later(_key: str, timeout: float) -> control_pb2.ModelRoute:
        asked.append(timeout)
        raise ModelLoading("Pas encore.", retry_after=42.0)

    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=20)) as rig:
        rig.control.loader = later
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body()))
    assert (status, headers["retry-after"]) == (503, "42") and json.loads(data)["error"]["code"] == "model_loading"
    assert 0 < asked[0] <= 19.5


async def waited(rig: Rig, call: Callable[[], Any]) -> tuple[float, str]:
    """Attente demandée au plan de contrôle, motif du refus."""
    asked: list[float] = []

    async def later(_key: str, timeout: float) -> control_pb2.ModelRoute:
        asked.append(timeout)
        raise ModelLoading("Pas encore.", retry_after=42.0)

    rig.control.loader = later
    if isinstance(found := call(), grpc.aio.UnaryUnaryCall):
        why = reason(await refused(found))[0]
    else:
        why = str(json.loads((await answer(found))[3])["error"]["code"]).upper()
    return asked[0], why


async def test_a_long_load_is_waited_for_as_long_as_its_route_says(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=20.0)) as rig:
        rig.control.publish(model_route("qwen", load_wait=100.0))
        await until(lambda: rig.control.watchers == 1, "front relié")
        await listed(rig, "qwen")
        asked, why = await waited(rig, lambda: rig.chat.Chat(typed()))
    assert why == "MODEL_LOADING" and 80 < asked < 100


@pytest.mark.parametrize("caller", ["grpc", "sdk"])
async def test_the_wait_ends_before_its_caller_gives_up(tmp_path: Path, caller: str) -> None:
    """L'échéance d'un appel gRPC, et le délai qu'un SDK d'OpenAI annonce : le client reçoit pourquoi, et quand revenir."""
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=600)) as rig:
        asked, why = await waited(
            rig,
            lambda: (
                rig.chat.Chat(typed(), timeout=100.0)
                if caller == "grpc"
                else rig.rest.CreateChatCompletion(body(), metadata=(("x-stainless-timeout", "100"),))
            ),
        )
        assert why == "MODEL_LOADING" and 50 < asked < 100


@pytest.mark.parametrize("announced", ["", "NOT_GIVEN", "nan", "inf", "-1", "0"])
async def test_a_delay_that_is_none_changes_nothing(tmp_path: Path, announced: str) -> None:
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=50.0)) as rig:
        metadata = (("x-stainless-timeout", announced),)
        asked, why = await waited(rig, lambda: rig.rest.CreateChatCompletion(body(), metadata=metadata))
    assert why == "MODEL_LOADING" and 30 < asked < 50


async def test_a_stream_that_says_it_loads_waits_beyond_the_delay_of_its_sdk(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0, limits=Limits(load_wait_seconds=100.0)) as rig:
        metadata = (("x-stainless-timeout", "30"),)
        asked, _ = await waited(rig, lambda: rig.rest.CreateChatCompletion(body(stream=True), metadata=metadata))
    assert asked > 60


async def test_waiting_loads_are_bounded(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0, limits=Limits(max_pending_loads=2, load_wait_seconds=PATIENCE)) as rig:
        rig.control.loader = _never
        waiting = [asyncio.create_task(consume(calls(rig)["typed"]())) for _ in range(2)]
        await until(lambda: rig.control.loading == 2, "deux demandes")
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body()))
        assert (status, json.loads(data)["error"]["code"]) == (429, "queue_full")
        assert headers["retry-after"]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def listed(rig: Rig, key: str) -> None:
    """Attend que le front ait reçu les routes où se trouve ce modèle."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, _, _, data = await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest()))
            assert status == 200
            if key in data.decode():
                return
            await asyncio.sleep(0.01)


async def test_without_control_the_last_routes_stand(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        await rig.chat.Chat(typed())
        replacement = FakeControl(rig.route(*rig.workers), model_route("nouveau"), *other_routes())
        # Le plan de contrôle tombe (son flux se coupe), puis un autre prend sa place sur la même prise.
        await rig.stop_control()
        assert (await rig.chat.Chat(typed())).choices
        async with serving_control(replacement, tmp_path / "control.sock"):
            await until(lambda: replacement.watchers == 1, "front revenu")
            # Un flux repris n'est pas encore une route reçue.
            await listed(rig, "nouveau")


async def test_without_control_an_unloaded_model_is_503(tmp_path: Path) -> None:
    async with front(tmp_path, workers=0) as rig:
        await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest()))
        await rig.stop_control()
        error = await refused(rig.chat.Chat(typed()))
        assert (error.code(), reason(error)[0]) == (grpc.StatusCode.UNAVAILABLE, "CONTROL_UNAVAILABLE")


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


async def test_a_slow_reader_loses_its_own_request(tmp_path: Path) -> None:
    limits = Limits(request_buffer_bytes=256 * 1024)
    async with front(tmp_path, limits=limits) as rig:
        rig.engine.words = ("x" * 65536,) * 400

        async def step(_index: int) -> None:
            await asyncio.sleep(0)

        rig.engine.step = step
        slow = rig.rest.CreateChatCompletion(body(stream=True))
        await slow.read()
        await until(lambda: rig.engine.abandoned == 1, "requête lente abandonnée")
        rig.engine.words = WORDS
        assert (await rig.chat.Chat(typed())).choices[0].message.content[0].text == TEXT
        data = b""
        while (part := await slow.read()) is not grpc.aio.EOF:
            data += part.data
        last = sse(data[data.rindex(b"data: ") :])
        assert last[0]["error"]["code"] == "slow_consumer"


async def frames_and_flushes(rig: Rig) -> tuple[float, float]:
    """Trames reçues et messages envoyés jusqu'ici."""
    await until(lambda: rig.workers[0].busy == (0, 0), "au repos")
    values = {}
    for line in expose(rig.registry).decode().splitlines():
        for name in ("frames", "flushes"):
            if line.startswith(f"passerelle_stream_{name}_total{{"):
                values[name] = float(line.rsplit(" ", 1)[1])
    return values["frames"], values["flushes"]


async def paced(seconds: float) -> Callable[[int], Awaitable[None]]:
    """Un pas toutes les `seconds`."""

    async def step(_index: int) -> None:
        await asyncio.sleep(seconds)

    return step


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Un front tenu pour occupé, dont la fenêtre est donc entière."""
    monkeypatch.setattr("server.front.chat.window.IDLE", -2.0)
    monkeypatch.setattr("server.front.chat.window.FULL", -1.0)


@pytest.mark.usefixtures("busy")
async def test_frames_are_merged_within_the_window_and_the_end_is_not_delayed(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=60_000)) as rig:
        rig.engine.words = tuple(f"mot{i} " for i in range(40))
        rig.engine.step = await paced(0.002)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        parts = [p.data async for p in call]
        events = sse(b"".join(parts))
        assert "".join(e["choices"][0]["delta"]["content"] for e in events[:-1]) == "".join(rig.engine.words)
        assert len(sse(parts[0])) == 1
        # La première trame seule, puis tout le reste à la fin : la fenêtre est plus longue que la réponse.
        assert len(parts) <= 3
        frames, flushes = await frames_and_flushes(rig)
        assert frames == 41 and flushes == 2


async def read_one_by_one(rig: Rig) -> None:
    """Lit un flux dont le moteur ne fait un pas qu'une fois le précédent reçu."""
    received = asyncio.Semaphore(1)

    async def step(_index: int) -> None:
        await received.acquire()

    rig.engine.words, rig.engine.step = tuple(f"mot{i} " for i in range(10)), step
    call = rig.rest.CreateChatCompletion(body(stream=True))
    async with asyncio.timeout(PATIENCE):
        while await call.read() is not grpc.aio.EOF:
            received.release()
    frames, flushes = await frames_and_flushes(rig)
    assert frames == 11 and flushes >= 10


async def test_a_lone_reader_gets_each_token_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Une machine d'essais chargée retarde toute boucle : seule une occupation entière compte ici.
    monkeypatch.setattr("server.front.chat.window.IDLE", 1.0)
    monkeypatch.setattr("server.front.chat.window.FULL", 2.0)
    async with front(tmp_path, limits=Limits(coalesce_ms=60_000)) as rig:
        await read_one_by_one(rig)
        assert b"passerelle_stream_window_seconds 0.0" in expose(rig.registry)


async def test_without_a_window_nothing_is_held(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=0)) as rig:
        await read_one_by_one(rig)


@pytest.mark.usefixtures("busy")
async def test_the_sweep_frees_what_a_stalled_engine_left(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=20)) as rig:
        opened = gate(rig, after=2)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        seen = b""
        # Le moteur s'arrête après deux mots : le second attend dans la fenêtre, et doit pourtant arriver.
        while WORDS[1].encode() not in seen:
            seen += (await soon(call.read())).data
        opened.set()
        while (part := await call.read()) is not grpc.aio.EOF:
            seen += part.data
        assert sse(seen)[-1] == "[DONE]"


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
        rig.control.loader = _never
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
