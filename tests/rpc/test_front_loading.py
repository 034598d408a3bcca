"""Ce qu'une requête attend : le chargement de son modèle, et le retour du plan de contrôle."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from passerelle.control.v1 import control_pb2
from passerelle.v1 import rest_pb2

from server.domain import Limits
from server.errors import ModelLoadFailed, ModelLoading, ModelNotDownloaded
from tests.fakes.control import FakeControl, model_route, serving_control
from tests.rpc.test_front_chat import reason, refused
from tests.support.front_calls import WAYS, calls, consume, listed, never
from tests.support.front_rig import Rig, answer, body, front, other_routes, sse, typed
from tests.support.waiting import PATIENCE, soon, until


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_vanishes_while_a_model_loads_waits_no_more(tmp_path: Path, way: str) -> None:
    async with front(tmp_path, workers=0) as rig:
        rig.control.loader = never
        task = asyncio.create_task(consume(calls(rig)[way]()))
        await until(lambda: rig.control.loading == 1, "chargement demandé")
        task.cancel()
        await until(lambda: rig.control.loading == 0, "demande retirée")


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
        rig.control.loader = never
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
        rig.control.loader = never
        waiting = [asyncio.create_task(consume(calls(rig)["typed"]())) for _ in range(2)]
        await until(lambda: rig.control.loading == 2, "deux demandes")
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body()))
        assert (status, json.loads(data)["error"]["code"]) == (429, "queue_full")
        assert headers["retry-after"]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


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
