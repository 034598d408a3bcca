"""Le journal : une ligne JSON par événement."""

import io
import json
import logging

from google.api.httpbody_pb2 import HttpBody

from server.rpc.http_body import encode_body
from server.rpc.logs import JsonFormatter, configure_logging, request_id


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
