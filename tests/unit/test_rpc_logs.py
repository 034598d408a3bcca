"""Le journal : une ligne JSON par événement."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.api.httpbody_pb2 import HttpBody

from server.rpc import logs
from server.rpc.http_body import encode_body
from server.rpc.logs import JsonFormatter, configure_logging, log_call, request_id
from tests.support.journal import journal
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
LOGGER = logging.getLogger("server.essai")


def record(event: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("server.essai", logging.INFO, __file__, 1, event, (), None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_json_with_its_values_and_the_request() -> None:
    token = request_id.set("req-7")
    try:
        line = json.loads(JsonFormatter().format(record("rpc_finished", code="OK", duration_ms=1.5, path=io)))
    finally:
        request_id.reset(token)
    assert line["event"] == "rpc_finished"
    assert (line["code"], line["duration_ms"], line["request_id"]) == ("OK", 1.5, "req-7")
    assert line["level"] == "info" and line["time"].endswith("+00:00")


def test_outside_a_request_there_is_no_identifier() -> None:
    assert "request_id" not in json.loads(JsonFormatter().format(record("front_ready")))


def test_an_exception_is_written_whole() -> None:
    try:
        raise ValueError("la cause")
    except ValueError as error:
        made = record("rpc_crashed")
        made.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: la cause" in json.loads(JsonFormatter().format(made))["exception"]


def test_hand_written_bodies_are_what_protobuf_reads() -> None:
    for size in (0, 1, 127, 128, 16_383, 16_384, 3_000_000):
        body = HttpBody.FromString(encode_body(b"x" * size, "text/event-stream"))
        assert (body.content_type, len(body.data)) == ("text/event-stream", size)
    assert HttpBody.FromString(encode_body(b"abc")).content_type == ""


def test_what_grpc_could_not_read_is_not_written() -> None:
    grpc_logger, root = logging.getLogger("grpc._cython.cygrpc"), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure_logging("essai", stream=stream)
        try:
            b"Bearer cle-\xff".decode()
        except UnicodeDecodeError:
            grpc_logger.exception("Invalid encoding on %s", b"Bearer cle-\xff")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert json.loads(stream.getvalue())["event"] == "header_unreadable" and "cle-" not in stream.getvalue()


async def test_call_lines_are_written_together_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "GROUPED_SECONDS", 0.0)
    with journal() as written:
        for number in range(50):
            log_call(LOGGER, "rpc_finished", code="OK", number=number)
        assert not written.getvalue()
        async with asyncio.timeout(PATIENCE):
            while not written.getvalue():
                await asyncio.sleep(0)
    assert written.writes == 1
    assert [line["number"] for line in written.lines()] == list(range(50))


async def test_a_call_line_is_that_of_the_formatter() -> None:
    token = request_id.set("req-1")
    try:
        with journal() as written:
            log_call(LOGGER, "rpc_finished", code="OK", duration_ms=1.5)
            LOGGER.info("rpc_finished", extra={"code": "OK", "duration_ms": 1.5})
    finally:
        request_id.reset(token)
    grouped, alone = written.lines()
    assert len(str(grouped.pop("time"))) == len(str(alone.pop("time"))) and grouped == alone


async def test_another_event_is_written_at_once_after_those_that_wait() -> None:
    with journal() as written:
        log_call(LOGGER, "rpc_finished", number=1)
        LOGGER.error("rpc_crashed")
    assert [line["event"] for line in written.lines()] == ["rpc_finished", "rpc_crashed"]


async def test_a_burst_does_not_wait_for_its_time() -> None:
    with journal() as written:
        for number in range(2000):
            log_call(LOGGER, "rpc_finished", number=number)
        assert 1 < written.writes < 100


END = """
import logging, sys, uvloop
from server.rpc.logs import configure_logging, log_call
configure_logging("front-0")
async def serve():
    for number in range(100):
        log_call(logging.getLogger("server.essai"), "rpc_finished", number=number)
uvloop.run(serve())
"""


def test_the_lines_of_a_process_are_complete_at_its_end() -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen' / 'python'}"}
    done = subprocess.run([sys.executable, "-c", END], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [json.loads(line)["number"] for line in done.stderr.splitlines()] == list(range(100))
