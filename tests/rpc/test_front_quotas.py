"""Les quotas devant de vrais fronts : refus, en-têtes, règlement, places, et ce que vaut un plan de contrôle tué."""

import asyncio
import io
import json
import time
import wave
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from passerelle.v1 import chat_pb2, rest_pb2

from server.domain import Limits
from server.named_keys import KEYS, KeyTable
from server.quotas import Quota
from server.rpc.metrics import expose
from server.rpc.status import DETAILS_KEY, from_rpc_error
from tests.rpc.test_front_audio import transcribing
from tests.rpc.test_front_live import RATE, Request, config, live_front, read
from tests.support.front_calls import gate
from tests.support.front_rig import WORDS, Rig, answer, body, front, typed
from tests.support.named_keys import Issued, issued, save
from tests.support.waiting import PATIENCE, soon, until

SPENT = 3 + len(WORDS)
"""Jetons d'une conversation."""
PATIENT = Limits(load_wait_seconds=PATIENCE, quota_wait_seconds=PATIENCE)
"""Une machine lente n'y change rien."""
BRIEF = replace(PATIENT, quota_lease_seconds=1.0)
"""Ce qui ne sert pas est rendu vite."""
KEPT = replace(PATIENT, quota_lease_seconds=PATIENCE)
HEADERS = [f"x-ratelimit-{what}-{name}" for name in ("requests", "tokens") for what in ("limit", "remaining", "reset")]


def key(folder: Path, **limits: int) -> tuple[Issued, KeyTable]:
    """Clé de ce quota, seule de la table."""
    one = issued("chat", "transcribe", "diarize", quota=Quota(**limits))
    save(folder / KEYS, [one])
    return one, KeyTable(folder / KEYS)


async def refused(call: Any) -> tuple[grpc.StatusCode, status_pb2.Status]:
    """Code et détails du refus d'un appel typé."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = dict(caught.value.trailing_metadata() or ())[DETAILS_KEY]
    assert isinstance(details, bytes)
    return caught.value.code(), status_pb2.Status.FromString(details)


def detail(status: status_pb2.Status, kind: Any) -> Any:
    """Détail de ce type."""
    found = kind()
    packed = next(one for one in status.details if isinstance(one, AnyMessage) and one.Is(kind.DESCRIPTOR))
    packed.Unpack(found)
    return found


def settled(rig: Rig, one: Issued, meter: str) -> bool:
    """Vrai quand une seule conversation est comptée."""
    return rig.control.counters.used(one.key.id, meter) == SPENT


async def outcome(call: Any) -> str:
    """« OK », ou le motif du refus."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        found = from_rpc_error(error)
        return found.reason if found is not None else error.code().name
    return "OK"


async def test_requests_past_a_minute_s_quota_are_refused_the_way_openai_does(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=2, tokens_per_minute=100_000)
    async with front(tmp_path, named=table, limits=PATIENT) as rig:
        for rank, stream in enumerate((False, True)):
            call = rig.rest.CreateChatCompletion(body(stream=stream, max_tokens=8), metadata=one.headers)
            status, headers, *_ = await answer(call)
            assert status == 200 and set(HEADERS) <= set(headers)
            assert headers["x-ratelimit-limit-requests"] == "2" and headers["x-ratelimit-limit-tokens"] == "100000"
            assert headers["x-ratelimit-remaining-requests"] == str(1 - rank)
            assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 100_000
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body(), metadata=one.headers))
        error = json.loads(data)["error"]
        assert (status, error["code"], error["param"]) == (429, "rate_limit_exceeded", "requests_per_minute")
        assert 1 <= int(headers["retry-after"]) <= 61 and headers["x-ratelimit-remaining-requests"] == "0"
        code, told = await refused(rig.chat.Chat(typed(), metadata=one.headers))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        info = detail(told, error_details_pb2.ErrorInfo)
        assert info.reason == "RATE_LIMIT_EXCEEDED" and info.metadata["limit"] == "2"
        assert 0 < detail(told, error_details_pb2.RetryInfo).retry_delay.ToSeconds() <= 61
        [violation] = detail(told, error_details_pb2.QuotaFailure).violations
        assert violation.subject == f"key:{one.key.id}"
        # Un refus de quota a son motif parmi les erreurs comptées, en REST comme en gRPC.
        assert 'passerelle_errors_total{reason="RATE_LIMIT_EXCEEDED"} 2.0' in expose(rig.registry).decode()
        # Une clé sans quota n'en voit rien.
        free = issued("chat")
        save(tmp_path / KEYS, [one, free])
        status, headers, *_ = await answer(rig.rest.CreateChatCompletion(body(), metadata=free.headers))
        assert status == 200 and not set(HEADERS) & set(headers)


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_are_reserved_then_settled_at_their_true_count(tmp_path: Path, stream: bool) -> None:
    one, table = key(tmp_path, tokens_per_minute=1000, tokens_per_day=1000, tokens_per_month=2000)
    async with front(tmp_path, named=table, limits=BRIEF) as rig:
        opened = gate(rig, after=1)
        call = rig.rest.CreateChatCompletion(body(max_tokens=700, stream=stream), metadata=one.headers)
        running = asyncio.create_task(answer(call))
        await until(lambda: rig.engine.produced >= 1, "la génération a commencé")
        assert rig.control.counters.used(one.key.id, "tokens_per_day") >= 700
        # Une seconde qui en demanderait autant est refusée tant que la première court.
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(max_tokens=700), metadata=one.headers))
        assert status == 429 and json.loads(data)["error"]["param"] == "tokens_per_minute"
        opened.set()
        assert (await running)[0] == 200
        # Réglé, puis rendu : il ne reste compté que ce qui a été lu et produit.
        for meter in ("tokens_per_minute", "tokens_per_day", "tokens_per_month"):
            await until(partial(settled, rig, one, meter), meter)


async def test_a_budget_that_reopens_in_hours_tells_sdks_not_to_retry(tmp_path: Path) -> None:
    one, table = key(tmp_path, tokens_per_day=40)
    async with front(tmp_path, named=table, limits=PATIENT) as rig:
        asked = body(max_tokens=8)
        first = await answer(rig.rest.CreateChatCompletion(asked, metadata=one.headers))
        assert first[0] == 200 and first[1]["x-ratelimit-limit-tokens"] == "40"
        while (found := await answer(rig.rest.CreateChatCompletion(asked, metadata=one.headers)))[0] == 200:
            continue
        status, headers, _, data = found
        error = json.loads(data)["error"]
        assert (status, error["code"], error["type"]) == (429, "insufficient_quota", "insufficient_quota")
        midnight = 86400 - time.time() % 86400
        assert abs(int(headers["retry-after"]) - midnight) < PATIENCE
        assert (headers.get("x-should-retry") == "false") is (midnight > 60)
        assert 'passerelle_errors_total{reason="QUOTA_EXHAUSTED"} 1.0' in expose(rig.registry).decode()
        # Ce qu'aucune attente ne laisserait passer.
        status, headers, _, data = await answer(
            rig.rest.CreateChatCompletion(body(max_tokens=100), metadata=one.headers)
        )
        assert (status, headers["x-should-retry"], "retry-after" in headers) == (429, "false", False)
        assert json.loads(data)["error"]["code"] == "rate_limit_exceeded"


async def test_places_are_given_back_and_hold_over_two_fronts(tmp_path: Path) -> None:
    one, table = key(tmp_path, parallel_requests=2)
    async with front(tmp_path, named=table, limits=PATIENT) as rig:
        other = await rig.add_front("front-1")
        opened = gate(rig)
        running = [asyncio.create_task(outcome(stub.Chat(typed(), metadata=one.headers))) for stub in (rig.chat, other)]
        await until(lambda: rig.engine.running == 2, "deux requêtes courent")
        for stub in (rig.chat, other):
            assert await outcome(stub.Chat(typed(), metadata=one.headers)) == "RATE_LIMIT_EXCEEDED"
        opened.set()
        assert await asyncio.gather(*running) == ["OK", "OK"]
        # Les places que chacun gardait d'avance sont rendues à qui en manque.
        for stub in (rig.chat, other):
            both = (stub.Chat(typed(), metadata=one.headers) for _ in range(2))
            assert [await outcome(call) for call in both] == ["OK", "OK"]


async def test_twenty_keys_over_two_fronts_never_pass_their_quota(tmp_path: Path) -> None:
    limit, sent = 10, 16
    keys = [issued("chat", quota=Quota(requests_per_minute=limit, tokens_per_minute=100_000)) for _ in range(20)]
    save(tmp_path / KEYS, keys)
    async with front(
        tmp_path, named=KeyTable(tmp_path / KEYS), limits=PATIENT, max_running=64, max_waiting=1000
    ) as rig:
        stubs = rig.chat, await rig.add_front("front-1")

        async def drive(one: Issued) -> list[str]:
            asked = typed(options={"max_tokens": 8})
            calls = [stubs[n % 2].Chat(asked, metadata=one.headers) for n in range(sent)]
            return [await outcome(call) for call in calls]

        for one, found in zip(keys, await asyncio.gather(*map(drive, keys)), strict=True):
            assert found.count("OK") == limit, found
            assert found.count("RATE_LIMIT_EXCEEDED") == sent - limit
            assert rig.control.counters.used(one.key.id, "requests_per_minute") == limit


async def test_a_killed_control_plane_stops_no_lease_and_forgets_nothing(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=40, tokens_per_day=1_000_000)
    limits = replace(KEPT, quota_lease_percent=25.0)
    async with front(tmp_path, named=table, limits=limits) as rig:
        asked = typed(options={"max_tokens": 8})
        assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "OK"
        held = rig.control.counters.used(one.key.id, "requests_per_minute")
        assert held > 3
        await rig.stop_control()
        for _ in range(3):
            assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "OK"
        await rig.start_control()
        assert rig.control.counters.used(one.key.id, "requests_per_minute") >= held
        found = [await outcome(rig.chat.Chat(asked, metadata=one.headers)) for _ in range(40)]
        assert found.count("OK") == 40 - 4 and set(found) == {"OK", "RATE_LIMIT_EXCEEDED"}


async def test_without_a_lease_a_silent_control_plane_is_named(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=40)
    async with front(tmp_path, named=table, limits=Limits(quota_wait_seconds=1.0)) as rig:
        await rig.stop_control()
        status, headers, _, data = await answer(rig.rest.CreateChatCompletion(body(), metadata=one.headers))
        assert status == 503 and headers["retry-after"] == "1"
        assert json.loads(data)["error"]["code"] == "control_unavailable"


async def test_a_steady_key_asks_the_control_plane_nothing_per_request(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=100_000, tokens_per_minute=10_000_000, parallel_requests=4)
    async with front(tmp_path, named=table, limits=KEPT) as rig:
        asked = typed(options={"max_tokens": 8})
        assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "OK"
        await rig.stop_control()
        for _ in range(200):
            assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "OK"


async def test_a_default_quota_holds_for_keys_of_the_settings(tmp_path: Path) -> None:
    named = issued("chat", quota=Quota())
    save(tmp_path / KEYS, [named])
    table = KeyTable(tmp_path / KEYS)
    async with front(
        tmp_path, keys=("cle",), named=table, limits=PATIENT, default_quota=Quota(requests_per_minute=1)
    ) as rig:
        given = (("authorization", "Bearer cle"),)
        assert await outcome(rig.chat.Chat(typed(), metadata=given)) == "OK"
        assert await outcome(rig.chat.Chat(typed(), metadata=given)) == "RATE_LIMIT_EXCEEDED"
        # Un quota propre, vide, en dispense.
        for _ in range(2):
            assert await outcome(rig.chat.Chat(typed(), metadata=named.headers)) == "OK"


async def test_a_changed_quota_holds_from_the_next_request(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=1)
    async with front(tmp_path, named=table, limits=PATIENT) as rig:
        calls = [await outcome(rig.chat.Chat(typed(), metadata=one.headers)) for _ in range(2)]
        assert calls == ["OK", "RATE_LIMIT_EXCEEDED"]
        raised = replace(one.key, quota=Quota(requests_per_minute=3))
        save(tmp_path / KEYS, [Issued(raised, one.value)])
        calls = [await outcome(rig.chat.Chat(typed(), metadata=one.headers)) for _ in range(3)]
        assert calls == ["OK", "OK", "RATE_LIMIT_EXCEEDED"]


async def test_what_was_leased_under_a_higher_quota_is_given_up(tmp_path: Path) -> None:
    one, table = key(tmp_path, tokens_per_day=100_000)
    async with front(tmp_path, named=table, limits=KEPT) as rig:
        asked = typed(options={"max_tokens": 8})
        assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "OK"
        save(tmp_path / KEYS, [Issued(replace(one.key, quota=Quota(tokens_per_day=1)), one.value)])
        assert await outcome(rig.chat.Chat(asked, metadata=one.headers)) == "RATE_LIMIT_EXCEEDED"
        await until(partial(settled, rig, one, "tokens_per_day"), "rendu")


async def test_an_abandoned_stream_pays_what_it_received(tmp_path: Path) -> None:
    one, table = key(tmp_path, tokens_per_day=10_000)
    async with front(tmp_path, named=table, limits=BRIEF) as rig:
        gate(rig, after=2)
        call = rig.rest.CreateChatCompletion(body(stream=True, max_tokens=1000), metadata=one.headers)
        # Une machine lente fait d'abord attendre un exemplaire, et le dit.
        while not (await soon(call.read())).data.startswith(b"data:"):
            continue
        call.cancel()
        await until(lambda: 0 < rig.control.counters.used(one.key.id, "tokens_per_day") < 100, "réglé")


async def test_counting_tokens_takes_a_request_and_a_place_but_no_token(tmp_path: Path) -> None:
    one, table = key(tmp_path, requests_per_minute=3, parallel_requests=1, tokens_per_day=10)
    counted = chat_pb2.CountTokensRequest(complete=chat_pb2.CompleteRequest(model="smollm2", prompt="Où ?"))
    async with front(tmp_path, named=table, limits=PATIENT) as rig:

        def sent(**fields: Any) -> HttpBody:
            return HttpBody(content_type="application/json", data=json.dumps({"model": "smollm2", **fields}).encode())

        status, headers, *_ = await answer(rig.rest.Tokenize(sent(prompt="Où ?"), metadata=one.headers))
        assert (status, headers["x-ratelimit-remaining-requests"]) == (200, "2")
        assert (await answer(rig.rest.Detokenize(sent(tokens=[65]), metadata=one.headers)))[0] == 200
        assert (await rig.chat.CountTokens(counted, metadata=one.headers)).count
        code, told = await refused(rig.chat.CountTokens(counted, metadata=one.headers))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert detail(told, error_details_pb2.ErrorInfo).metadata["field"] == "requests_per_minute"
        status, _, _, data = await answer(rig.rest.Tokenize(sent(prompt="Où ?"), metadata=one.headers))
        assert (status, json.loads(data)["error"]["param"]) == (429, "requests_per_minute")
        assert not rig.control.counters.used(one.key.id, "tokens_per_day")


KEYED = (("authorization", "Bearer cle"),)
MINUTE = Quota(audio_minutes_per_hour=1, audio_minutes_per_day=5)


def silence(seconds: int) -> HttpBody:
    """Fichier WAV de cette durée."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(bytes(2 * RATE * seconds))
    return HttpBody(content_type="audio/wav", data=file.getvalue())


async def test_files_pay_their_audio_and_stop_where_the_quota_does(tmp_path: Path) -> None:
    async with transcribing(tmp_path, quota=MINUTE) as rig:

        async def send(seconds: int) -> tuple[int, dict[str, Any]]:
            request = rest_pb2.TranscribeAudioRequest(body=silence(seconds))
            status, _, _, data = await answer(rig.rest.TranscribeAudio(iter([request]), metadata=KEYED))
            return status, json.loads(data)

        assert (await send(40))[0] == 200
        for meter in ("audio_minutes_per_hour", "audio_minutes_per_day"):
            await until(partial(counted, rig, meter, 40_000), meter)
        status, found = await send(50)
        assert status == 429 and found["error"]["reason"] == "RATE_LIMIT_EXCEEDED"
        assert found["error"]["metadata"]["field"] == "audio_minutes_per_hour"
        # Ce qui a été analysé compte : le suivant n'est pas même décodé.
        assert (await send(1))[0] == 429


def counted(rig: Rig, meter: str, least: int) -> bool:
    """Vrai quand tant de millisecondes sont comptées, sans ce qui n'est que pris d'avance."""
    return least <= rig.control.counters.used("k0", meter) <= least + 16_000


async def test_a_live_stream_ends_with_its_quota_and_says_where_to_resume(tmp_path: Path) -> None:
    async with live_front(tmp_path, quota=MINUTE) as live:
        second = Request(audio=bytes(2 * RATE))
        call = live.stub.StreamTranscribe(iter([config(), *[second] * 62]), metadata=KEYED)
        events, error = await read(call)
        assert error is not None and error.reason == "RATE_LIMIT_EXCEEDED" and error.retry_after
        assert error.metadata["field"] == "audio_minutes_per_hour"
        assert events[-1].summary.coverage.received_duration.seconds == 60
        assert error.metadata["resume_sample"] == str(events[-1].summary.resume_sample)
        # Le suivant est refusé dès son ouverture.
        events, error = await read(live.stub.StreamTranscribe(iter([config(), second]), metadata=KEYED))
        assert not events and error is not None and error.reason == "RATE_LIMIT_EXCEEDED"
