"""Le WebSocket de direct : ses messages, ses refus, sa clé, l'origine de la page."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.errors import InvalidRequest, ShuttingDown
from server.web.live_messages import error_text, event_text, first_message
from tests.fakes.live import Request, Response, summary
from tests.support.live_bridge import Bridge, bridge, start, until_closed

SECRET = "cle-tres-secrete"


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with bridge(tmp_path) as found:
        yield found


async def test_a_stream_is_told_as_it_comes_and_closed_with_its_summary(page: Bridge) -> None:
    async with page.connect() as socket:
        await start(socket, api_key=SECRET)
        assert json.loads(await socket.recv()) == {"type": "ready", "id": "r1", "model": "canary"}
        for size in (1, 4800, 9601):
            await socket.send(bytes(size))
        await socket.send('{"type":"end"}')
        events, code = await until_closed(socket)
    assert code == 1000 and [event["type"] for event in events] == ["summary"] and events[0]["text"] == "14402"
    sent = page.fake.requests[0].config
    assert sent.config.language == "fr" and sent.config.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    assert [len(request.audio) for request in page.fake.requests[1:]] == [1, 4800, 9601]
    assert page.fake.metadata["authorization"] == f"Bearer {SECRET}"


def test_every_event_of_the_contract_is_its_own_message() -> None:
    segment = {"index": 1, "text": "oui", "confidence": 0.5}
    event = Response(final=segment)
    event.final.start_offset.FromMilliseconds(1250)
    told = json.loads(event_text(event))
    assert told["type"] == "final" and told["start_offset"] == "1.250s" and told["confidence"] == 0.5
    assert told["words"] == [] and "speaker_label" not in told
    kinds = [field.name for field in Response.DESCRIPTOR.oneofs_by_name["event"].fields]
    for kind in kinds:
        event = Response()
        getattr(event, kind).SetInParent()
        assert json.loads(event_text(event))["type"] == kind
        assert "type" not in getattr(event, kind).DESCRIPTOR.fields_by_name
    assert event_text(Response()) == ""


@pytest.mark.parametrize(
    ("first", "reason", "named"),
    [
        (b"\0\0", "AUDIO_CONFIG_EXPECTED", "config"),
        ('{"type":"end"}', "AUDIO_CONFIG_EXPECTED", "type"),
        ("[1]", "INVALID_REQUEST", "message"),
        ("pas du JSON", "INVALID_REQUEST", "message"),
        ('{"type":"config","cle":"x"}', "INVALID_REQUEST", "cle"),
        ('{"type":"config","api_key":"clé"}', "INVALID_REQUEST", "api_key"),
        ('{"type":"config","config":{"modle":"x"}}', "INVALID_REQUEST", "config"),
        ('{"type":"config","config":3}', "INVALID_REQUEST", "config"),
    ],
)
async def test_a_first_message_that_says_nothing_is_refused(
    page: Bridge, first: str | bytes, reason: str, named: str
) -> None:
    async with page.connect() as socket:
        await socket.send(first)
        events, code = await until_closed(socket)
    assert code == 4400 and len(events) == 1
    assert (events[0]["type"], events[0]["reason"], events[0]["metadata"]["field"]) == ("error", reason, named)
    assert not page.fake.requests


async def test_a_wrong_key_is_refused_by_the_front_and_written_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bridge(tmp_path, keys=("bonne",)) as page:
        for key, reason in ((SECRET, "INVALID_API_KEY"), ("", "MISSING_API_KEY")):
            async with page.connect() as socket:
                await start(socket, api_key=key)
                events, code = await until_closed(socket)
            assert (code, events[0]["code"], events[0]["reason"]) == (4401, 401, reason)
        async with page.connect() as socket:
            await start(socket, api_key="bonne")
            assert json.loads(await socket.recv())["type"] == "ready"
    # Le client de l'essai est dans le même processus, et il écrit tout.
    ours = [
        record.getMessage() + str(record.__dict__) for record in caplog.records if record.name != "websockets.client"
    ]
    assert any("live_socket_closed" in line for line in ours) and not any(SECRET in line for line in ours)


async def test_a_key_may_come_with_the_demand_and_the_message_wins(tmp_path: Path) -> None:
    async with bridge(tmp_path, keys=("bonne",)) as page:
        for header, fields, code in (
            ("Bearer bonne", {}, 0),
            ("Bearer bonne", {"api_key": ""}, 0),
            ("Bearer bonne", {"api_key": SECRET}, 4401),
            (f"Bearer {SECRET}", {"api_key": "bonne"}, 0),
            (f"Bearer {SECRET}", {}, 4401),
        ):
            async with page.connect(additional_headers={"authorization": header}) as socket:
                await start(socket, **fields)
                if code:
                    assert (await until_closed(socket))[1] == code
                else:
                    assert json.loads(await socket.recv())["type"] == "ready"


async def test_a_refusal_keeps_its_reason_while_the_client_is_writing(page: Bridge) -> None:
    async def refuse(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        for _ in range(10):
            await anext(requests)
        yield summary()
        raise InvalidRequest("Non.")

    page.fake.script = refuse

    async def one() -> tuple[list[dict[str, Any]], int]:
        async with page.connect() as socket:
            await start(socket)
            reading = asyncio.create_task(until_closed(socket))
            try:
                while not reading.done():
                    await socket.send(bytes(3000))
            except ConnectionClosed:
                pass
            return await reading

    for events, code in await asyncio.gather(*(one() for _ in range(20))):
        assert [event["type"] for event in events] == ["summary", "error"]
        assert code == 4400 and events[1]["message"] == "Non."


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 101), ("http://page", 101), ("https://ami.example", 101), ("http://autre", 403), ("null", 403)],
)
async def test_the_page_of_another_site_is_refused_before_it_enters(
    page: Bridge, origin: str | None, status: int
) -> None:
    # Envoy écrit cet en-tête, et retire celui d'un client.
    options = {"origin": origin, "additional_headers": {"x-forwarded-host": "page"}}
    if status == 101:
        async with page.connect(**options):
            return
    with pytest.raises(InvalidStatus) as refused:
        await page.connect(**options)
    assert refused.value.response.status_code == status


async def test_the_client_behind_a_stream_is_told(page: Bridge) -> None:
    async with page.connect(additional_headers={"x-passerelle-client": "203.0.113.9"}) as socket:
        await start(socket)
        await socket.recv()
    assert page.fake.metadata["x-forwarded-for"] == "203.0.113.9"


async def test_the_address_takes_no_parameter_and_explains_itself(page: Bridge) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await page.connect(uri=f"ws://page/ws/transcribe?cle={SECRET}")
    assert refused.value.response.status_code == 403
    transport = httpx.AsyncHTTPTransport(uds=str(page.path))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as http:
        plain = await http.get("/ws/transcribe")
    assert plain.status_code == 426 and "WebSocket" in plain.json()["error"]["message"]


@pytest.mark.parametrize("said", ["{}", '{"type":"config"}', "non", '{"type":' + "[" * 900 + "]" * 900 + "}"])
async def test_any_other_text_is_refused(page: Bridge, said: str) -> None:
    async with page.connect() as socket:
        await start(socket)
        assert json.loads(await socket.recv())["type"] == "ready"
        await socket.send(said)
        events, code = await until_closed(socket)
    assert code == 4400 and events[0]["reason"] == "INVALID_REQUEST"


@pytest.mark.parametrize("field", ["config", "api_key", "inconnu"])
def test_a_first_message_too_deep_is_refused(field: str) -> None:
    deep = '{"a":' * 300 + "0" + "}" * 300
    with pytest.raises(InvalidRequest) as caught:
        first_message(f'{{"type": "config", "{field}": {deep}}}', 100)
    assert caught.value.metadata["limit"] == "100"


def test_a_stream_cut_and_resumed_says_where_both_ways() -> None:
    cut = json.loads(error_text(ShuttingDown("arrêt", metadata={"resume_sample": "4200000000"})))
    assert cut["metadata"] == {"resume_sample": "4200000000"} and cut["reason"] == "SHUTTING_DOWN"
    _, config = first_message(json.dumps({"type": "config", "config": cut["metadata"]}), 100)
    assert config.resume_sample == 4_200_000_000
    told = json.loads(event_text(Response(summary=transcribe_pb2.StreamSummary(resume_sample=4_200_000_000))))
    assert told["resume_sample"] == "4200000000"


def test_the_first_message_takes_the_two_spellings_of_proto3_json() -> None:
    text = json.dumps({"type": "config", "config": {"interimResults": False, "endpoint_silence": "0.4s"}})
    key, config = first_message(text, 100)
    assert key == "" and config.interim_results is False and config.HasField("interim_results")
    assert config.endpoint_silence.ToMilliseconds() == 400
    assert config == transcribe_pb2.StreamTranscribeConfig(
        interim_results=False, endpoint_silence={"nanos": 400_000_000}
    )
