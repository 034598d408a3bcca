"""Ce qu'un front dit de ses requêtes : leurs mesures, en cours et finies, jamais leur contenu ni la clé."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import requests_pb2, requests_pb2_grpc, rest_pb2, route_pb2

from server.control.requests.window import Request
from server.domain import Limits
from server.rpc.contract import METHODS, POLICY
from server.rpc.notes import REFUSALS, SORTS
from tests.rpc.test_front_audio import SPOKEN, transcribing
from tests.support.front_calls import consume, gate
from tests.support.front_rig import WORDS, Rig, answer, body, front, sse, typed
from tests.support.waiting import PATIENCE, soon, until

CANARY = "serin-des-essais"
WHOLE = {"stream": False}
FLOW = {"stream": True}
COUNTED = {"stream": True, "stream_options": {"include_usage": True}}
UNASKED = {"stream": True, "stream_options": {"include_usage": False}}


def stub(rig: Rig) -> Any:
    """Souche du plan de contrôle, par sa propre prise."""
    channel = grpc.aio.insecure_channel(
        f"unix:{rig.folder / 'control.sock'}", options=(("grpc.default_authority", "localhost"),)
    )
    rig.stack.push_async_callback(channel.close)
    return requests_pb2_grpc.RequestServiceStub(channel)


async def ended(rig: Rig, count: int = 1) -> list[Request]:
    """Attend que tant de requêtes soient dites finies ; les rend, la plus récente d'abord."""
    await until(lambda: len(list(rig.control.window.ended())) >= count, f"{count} requêtes finies")
    return [request for _, request in rig.control.window.ended()]


async def one(rig: Rig, fields: dict[str, Any]) -> Request:
    """Mène une conversation ; rend ce qui en est dit."""
    await answer(rig.rest.CreateChatCompletion(body(**fields)))
    return (await ended(rig))[0]


@pytest.mark.parametrize("fields", [WHOLE, FLOW, COUNTED, UNASKED])
async def test_a_conversation_is_told_with_its_tokens_and_its_stages(tmp_path: Path, fields: dict[str, Any]) -> None:
    async with front(tmp_path) as rig:
        request = await one(rig, fields)
        assert (request.model, request.status, request.running) == ("qwen", "OK", False)
        assert request.sort == requests_pb2.REQUEST_SORT_CHAT and request.front == "front-0"
        assert list(request.replicas) == ["qwen-0"] and list(request.gpus) == [len("qwen-0")]
        assert (request.tokens_in, request.tokens_out) == (3, len(WORDS))
        assert request.stream is fields["stream"] is request.HasField("first")
        stages = [request.asked, request.sent, request.first or request.sent, request.last, request.ended]
        assert stages == sorted(stages) and stages[0] > 0


@pytest.mark.parametrize(("fields", "told"), [(FLOW, False), (UNASKED, False), (COUNTED, True)])
async def test_only_a_client_that_asked_reads_the_count(tmp_path: Path, fields: dict[str, Any], told: bool) -> None:
    async with front(tmp_path) as rig:
        *_, data = await answer(rig.rest.CreateChatCompletion(body(**fields)))
        events = sse(data)
        assert events[-1] == "[DONE]" and any(not event["choices"] for event in events[:-1]) is told
        assert "".join(e["choices"][0]["delta"]["content"] for e in events[:-1] if e["choices"]) == "".join(WORDS)


async def test_nothing_of_a_request_is_told_but_its_measures(tmp_path: Path) -> None:
    async with front(tmp_path, keys=(f"cle-{CANARY}",)) as rig:
        key = (("authorization", f"Bearer cle-{CANARY}"), ("x-request-id", "r1"))
        messages = [{"role": "user", "content": CANARY}]
        await answer(rig.rest.CreateChatCompletion(body(messages=messages, user=CANARY), metadata=key))
        await answer(rig.rest.CreateChatCompletion(body(model=CANARY), metadata=key))
        await answer(rig.rest.CreateChatCompletion(body(stop=[{CANARY: 1}]), metadata=key))
        form = HttpBody(
            content_type="multipart/form-data; boundary=b",
            data=b'--b\r\ncontent-disposition: form-data; name="file"; filename="%b.wav"\r\n\r\nx\r\n--b--\r\n'
            % CANARY.encode(),
        )
        await answer(rig.rest.CreateTranscription(iter([form]), metadata=key))
        wrong = (("authorization", f"Bearer {CANARY}"),)
        await answer(rig.rest.CreateChatCompletion(body(), metadata=wrong))
        found = await ended(rig, 5)
        assert [request.status for request in reversed(found)][:3] == ["OK", "MODEL_NOT_FOUND", "INVALID_REQUEST"]
        assert found[0].status == "INVALID_API_KEY" and not found[0].key and found[1].model == ""
        assert [request.key for request in found[1:]] == ["k0"] * 4 and found[1].id == "r1"
        assert CANARY.encode() not in b"".join(request.SerializeToString() for request in found)


OPTIONS: dict[str, Any] = {"max_tokens": 5, "temperature": 0.25, "n": 1, "seed": -(2**63), "presence_penalty": 1}
SECRET_OPTIONS: dict[str, Any] = {
    "stop": [CANARY],
    "user": CANARY,
    "tools": [{"type": "function", "function": {"name": CANARY}}],
}
SCHEMA = {"type": "json_schema", "json_schema": {"name": CANARY, "schema": {"title": CANARY, "type": "object"}}}


async def test_the_options_of_a_conversation_are_told_without_what_it_says(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        asked = {**OPTIONS, **SECRET_OPTIONS, "response_format": SCHEMA, "top_p": None}
        request = await one(rig, asked)
        told = requests_pb2.RequestOptions(**OPTIONS, tools=1, format="json_schema")
        assert request.status == "OK" and request.options == told
        assert CANARY.encode() not in request.SerializeToString()
        await answer(rig.rest.CreateChatCompletion(body(max_completion_tokens=7, n=None)))
        assert (await ended(rig, 2))[0].options == requests_pb2.RequestOptions(max_tokens=7)


async def test_a_running_request_has_its_options(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        watch = stub(rig).WatchRequests(requests_pb2.WatchRequestsRequest())
        call = rig.rest.CreateChatCompletion(body(stream=True, **OPTIONS))
        await soon(call.read())
        seen = await _told(watch, lambda request: request.running and bool(request.first))
        assert seen.options == requests_pb2.RequestOptions(**OPTIONS)
        call.cancel()
        assert (await _told(watch, lambda request: not request.running)).options == seen.options


SPOKEN_OPTIONS = {"language": "en", "task": "translate", "target_language": "de", "temperature": "0.5"}
TOLD = {"language": "en", "translate": True, "target_language": "de", "temperature": 0.5}


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("TranscribeAudio", SPOKEN_OPTIONS, {**TOLD, "format": "json"}),
        ("TranscribeAudio", {"language": "fr-CA", "response_format": "srt"}, {"language": "fr", "format": "srt"}),
        ("CreateTranscription", {"response_format": "text"}, {"format": "text"}),
        ("CreateTranslation", {}, {"format": "json", "translate": True, "target_language": "en"}),
    ],
)
async def test_the_options_of_a_file_are_told_without_its_prompt(
    tmp_path: Path, path: str, fields: dict[str, str], told: dict[str, Any]
) -> None:
    async with transcribing(tmp_path) as rig:
        form = {"model": "canary", "prompt": CANARY, **fields}
        head = "".join(f'--b\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.items())
        file = f'--b\r\ncontent-disposition: form-data; name="file"; filename="{CANARY}.wav"\r\n\r\n'
        data = head.encode() + file.encode() + SPOKEN + b"\r\n--b--\r\n"
        sent: Any = HttpBody(content_type="multipart/form-data; boundary=b", data=data)
        if path == "TranscribeAudio":
            sent = rest_pb2.TranscribeAudioRequest(body=sent)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await answer(getattr(rig.rest, path)(iter([sent])))
        [request] = await ended(rig)
        wanted = requests_pb2.RequestOptions(**told)
        # Les sous-titres demandent les mots.
        wanted.word_timestamps = told["format"] == "srt"
        assert request.options == wanted
        assert CANARY.encode() not in request.SerializeToString()


async def test_an_abandoned_stream_tells_what_it_received(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        opened = gate(rig, after=2)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        await soon(call.read())
        call.cancel()
        [request] = await ended(rig)
        opened.set()
        assert request.status == "CANCELLED" and not request.HasField("tokens_in")
        assert 1 <= request.tokens_out <= 2


async def test_the_wait_for_a_place_is_told(tmp_path: Path) -> None:
    async with front(tmp_path, max_running=1) as rig:
        opened = gate(rig)
        first = asyncio.create_task(consume(rig.chat.Chat(typed())))
        await until(lambda: rig.engine.running == 1)
        second = asyncio.create_task(consume(rig.chat.Chat(typed())))
        await until(lambda: rig.workers[0].busy == (1, 1))
        opened.set()
        await soon(asyncio.gather(first, second))
        found = await ended(rig, 2)
        assert sorted(bool(request.queued) for request in found) == [False, True]


async def test_a_file_is_told_with_its_audio(tmp_path: Path) -> None:
    async with transcribing(tmp_path) as rig:
        sent = HttpBody(content_type="audio/wav", data=SPOKEN)
        await answer(rig.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=sent)])))
        [request] = await ended(rig)
        assert (request.model, request.status) == ("canary", "OK")
        assert request.sort == requests_pb2.REQUEST_SORT_TRANSCRIBE and request.audio_seconds > 1
        # Le chargement du modèle est entre les deux.
        assert request.sent > request.asked


async def test_a_flood_of_wrong_keys_does_not_drive_out_the_rest(tmp_path: Path) -> None:
    async with front(tmp_path, keys=("cle",)) as rig:

        async def ask(key: str) -> None:
            call = rig.rest.CreateChatCompletion(body(), metadata=(("authorization", f"Bearer {key}"),))
            with contextlib.suppress(grpc.aio.AioRpcError):
                await answer(call)

        for _ in range(REFUSALS + 20):
            await ask("fausse")
        await ask("cle")
        await until(lambda: any(one.status == "OK" for _, one in rig.control.window.ended()), "la dernière est dite")
        refused = [one for _, one in rig.control.window.ended() if one.status == "INVALID_API_KEY"]
        assert REFUSALS <= len(refused) < REFUSALS + 20


async def test_a_running_request_is_seen_then_cancelled(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        control = stub(rig)
        watch = control.WatchRequests(requests_pb2.WatchRequestsRequest())
        call = rig.rest.CreateChatCompletion(body(stream=True), metadata=(("x-request-id", "r1"),))
        await soon(call.read())
        seen = await _told(watch, lambda request: request.running and bool(request.first))
        assert seen.id == "r1" and seen.replicas == ["qwen-0"] and not seen.status
        [listed] = (await control.ListRequests(requests_pb2.ListRequestsRequest())).requests
        assert listed.call == seen.call
        done = await control.CancelRequest(requests_pb2.CancelRequestRequest(id="r1"))
        assert done.cancelled == 1
        rest = b""
        while (part := await soon(call.read())) is not grpc.aio.EOF:
            rest += part.data
        assert sse(rest)[-1]["error"]["code"] == "request_cancelled"
        last = await _told(watch, lambda request: not request.running)
        assert (last.call, last.status) == (seen.call, "REQUEST_CANCELLED")
        await until(lambda: rig.engine.abandoned == 1, "le moteur a lâché la requête")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await control.CancelRequest(requests_pb2.CancelRequestRequest(id="r1"))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_stream_tells_its_tokens_while_it_runs_and_each_once(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        told: list[dict[str, int]] = []
        rig.control.window.activity.wrote = lambda tokens: told.append(dict(tokens))  # type: ignore[method-assign]

        def count() -> int:
            return sum(tokens.get("qwen-0", 0) for tokens in told)

        opened = gate(rig, after=2)
        reading = asyncio.create_task(answer(rig.rest.CreateChatCompletion(body(stream=True))))
        await until(lambda: count() == 2, "deux jetons dits en cours")
        assert not list(rig.control.window.ended())
        opened.set()
        await soon(reading)
        await answer(rig.rest.CreateChatCompletion(body()))
        await ended(rig, 2)
        await until(lambda: count() == 2 * len(WORDS), "chaque jeton dit une fois")


async def test_what_a_killed_control_had_not_written_is_told_again_once(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        await one(rig, WHOLE)
        await rig.stop_control()
        for _ in range(3):
            await answer(rig.rest.CreateChatCompletion(body()))
        running = rig.rest.CreateChatCompletion(body(stream=True), metadata=(("x-request-id", "longue"),))
        gate(rig, after=1)
        await soon(running.read())
        await rig.start_control()
        assert len(await ended(rig, 3)) == 3
        await until(lambda: [one.id for one in rig.control.window.running()] == ["longue"], "celle en cours est redite")
        running.cancel()
        assert len({request.call for request in await ended(rig, 4)}) == 4


async def test_a_control_come_back_is_told_the_first_request_that_ends(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        gate(rig, after=1)
        watch = stub(rig).WatchRequests(requests_pb2.WatchRequestsRequest())
        running = rig.rest.CreateChatCompletion(body(stream=True), metadata=(("x-request-id", "longue"),))
        await soon(running.read())
        await _told(watch, lambda request: bool(request.first))
        await rig.stop_control()
        await rig.start_control()
        await until(lambda: [one.id for one in rig.control.window.running()] == ["longue"], "le flux neuf est ouvert")
        running.cancel()
        assert [request.id for request in await ended(rig)] == ["longue"]


async def test_a_control_that_stays_silent_costs_the_oldest_requests_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(load_wait_seconds=PATIENCE, requests_kept=2)
    async with front(tmp_path, limits=limits) as rig:
        await rig.stop_control()
        for name in "abcd":
            await answer(rig.rest.CreateChatCompletion(body(), metadata=(("x-request-id", name),)))
        await rig.start_control()
        assert [request.id for request in await ended(rig, 2)] == ["d", "c"]
        [lost] = [record for record in caplog.records if record.message == "requests_lost"]
        assert lost.__dict__["count"] == 2


async def test_every_inference_method_has_its_sort() -> None:
    scopes = (route_pb2.SCOPE_CHAT, route_pb2.SCOPE_TRANSCRIBE, route_pb2.SCOPE_DIARIZE)
    inference = {path for path in METHODS if POLICY[path] in scopes}
    # Celles-ci ne mènent rien à un modèle : elles remettent en forme un résultat déjà rendu, ou comptent des jetons.
    apart = {path for path in inference if re.search("/Write|okenize|CountTokens", path)}
    assert inference - apart == SORTS.keys() and len(apart) == 5


async def _told(watch: Any, wanted: Callable[[Request], bool]) -> Request:
    async with asyncio.timeout(PATIENCE):
        while True:
            found: list[Request] = [request for request in (await watch.read()).requests if wanted(request)]
            if found:
                return found[-1]


async def test_nothing_of_a_request_is_in_the_base_of_usage(tmp_path: Path) -> None:
    async with front(tmp_path, keys=(f"cle-{CANARY}",)) as rig:
        key = (("authorization", f"Bearer cle-{CANARY}"), ("x-request-id", CANARY))
        await answer(rig.rest.CreateChatCompletion(body(messages=[{"role": "user", "content": CANARY}]), metadata=key))
        await answer(rig.rest.CreateChatCompletion(body(model=CANARY), metadata=key))
        await ended(rig, 2)
        await rig.stop_control()
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("usage.sqlite*"))
        assert b"MODEL_NOT_FOUND" in kept and CANARY.encode() not in kept
