"""Chaque erreur a ses codes, et revient entière d'un fil."""

import base64
import gc
import re
from pathlib import Path

import orjson
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from passerelle.v1 import error_reason_pb2

from server import errors
from server.rpc.status import (
    DETAILS_KEY,
    TABLE,
    api_body,
    codes,
    from_status,
    openai_body,
    retry_after_header,
    to_status,
)

ALL = errors.all_errors()
ROOT = Path(__file__).resolve().parents[2]


def test_the_table_holds_every_class_and_nothing_else() -> None:
    assert set(TABLE) == set(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_reason_is_in_the_public_enum(kind: type[errors.PasserelleError]) -> None:
    assert f"ERROR_REASON_{kind.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118


def test_every_public_reason_has_a_class() -> None:
    public = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert public == {kind.reason for kind in ALL}


@pytest.mark.parametrize("kind", [k for k in ALL if k is not errors.PasserelleError], ids=lambda kind: kind.__name__)
def test_an_error_survives_the_wire(kind: type[errors.PasserelleError]) -> None:
    sent = kind("Message accentué.", metadata={"field": "n", "limit": "16"}, retry_after=1.5)
    status = status_pb2.Status.FromString(to_status(sent, "abc").SerializeToString())
    back = from_status(status)
    assert type(back) is kind
    assert (back.message, back.metadata, back.retry_after) == (sent.message, sent.metadata, 1.5)
    assert back.french == sent.french == "Message accentué."
    assert status.code == codes(sent).grpc.value[0]


def test_the_request_id_travels_in_the_details() -> None:
    info = error_details_pb2.RequestInfo()
    assert any(detail.Unpack(info) for detail in to_status(errors.QueueFull("x"), "req-1").details)
    assert info.request_id == "req-1"


def test_a_foreign_status_is_not_ours() -> None:
    detail = AnyMessage()
    detail.Pack(error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="ailleurs"))
    assert from_status(status_pb2.Status(code=8, message="x", details=[detail])) is None
    assert from_status(status_pb2.Status(code=8, message="x")) is None


def test_an_unmapped_daughter_takes_its_parents_codes() -> None:
    class Daughter(errors.QueueFull):
        pass

    assert codes(Daughter("x")) is TABLE[errors.QueueFull]
    # Une classe est un cycle : sans ce passage, elle resterait parmi les filles que d'autres essais parcourent.
    del Daughter
    gc.collect()


def test_bodies_have_the_shape_of_their_family() -> None:
    error = errors.InvalidRequest("n : trop.", metadata={"field": "n", "limit": "16", "value": "17"})
    assert orjson.loads(openai_body(error)) == {
        "error": {"message": "n : trop.", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}
    }
    assert orjson.loads(api_body(error)) == {
        "error": {"code": 400, "reason": "INVALID_REQUEST", "message": "n : trop.", "metadata": error.metadata}
    }


LONG = ("a", "é", "😀", "%", "\n", "\x7f", "\ud800")


@pytest.mark.parametrize("character", LONG, ids=ascii)
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_stays_small_whatever_it_repeats(kind: type[errors.PasserelleError], character: str) -> None:
    long = character * 200_000
    metadata = {"field": long, "value": "3", "limit": "16", **{f"{index}{long}": long for index in range(50)}}
    error = kind(f"Le champ « {long} » est de trop ; retirez-le.", metadata=metadata, retry_after=1.5)
    packed = base64.b64encode(to_status(error, "r" * 128).SerializeToString())
    names = "grpc-message", DETAILS_KEY, "grpc-status"
    assert len(percent_encoded(error.message)) + len(packed) + sum(map(len, names)) + 2 < 6 * 1024
    assert error.message.startswith("Le champ « ") and error.french.endswith(" » est de trop ; retirez-le.")
    assert error.message.startswith(error.french)
    assert (error.metadata["value"], error.metadata["limit"]) == ("3", "16")
    for body in (openai_body(error), api_body(error)):
        assert len(body) < 16 * 1024 and orjson.loads(body)
    back = from_status(to_status(error))
    assert back is not None and (back.message, back.metadata) == (error.message, error.metadata)


def percent_encoded(text: str) -> bytes:
    """Message tel que gRPC le met dans un en-tête."""
    return b"".join(
        bytes([byte]) if 0x20 <= byte <= 0x7E and byte != ord("%") else b"%%%02X" % byte for byte in text.encode()
    )


def test_a_short_error_is_kept_as_it_is() -> None:
    message = "é" * 250 + "a" * 36  # 1 536 octets une fois encodé
    error = errors.SlowConsumer(message, metadata={"field": "n" * 384, "value": "é" * 192})
    assert (error.message, str(error)) == (message, message)
    assert error.metadata == {"field": "n" * 384, "value": "é" * 192}
    assert errors.SlowConsumer(f"{message}a").message != f"{message}a"


@pytest.mark.parametrize(("seconds", "header"), [(None, None), (0.0, "1"), (0.2, "1"), (5.0, "5"), (5.1, "6")])
def test_retry_after_is_whole_seconds(seconds: float | None, header: str | None) -> None:
    assert retry_after_header(errors.QueueFull("x", retry_after=seconds)) == header


def test_http_codes_follow_the_grpc_ones() -> None:
    expected = {
        "INVALID_ARGUMENT": {400},
        "UNAUTHENTICATED": {401},
        "PERMISSION_DENIED": {403},
        "NOT_FOUND": {404},
        "RESOURCE_EXHAUSTED": {413, 429},
        "UNAVAILABLE": {503},
        "FAILED_PRECONDITION": {409, 503},
        "DEADLINE_EXCEEDED": {504},
        "UNIMPLEMENTED": {404, 501},
        "ABORTED": {409},
        "INTERNAL": {500},
        "DATA_LOSS": {500},
    }
    for row in TABLE.values():
        assert row.http in expected[row.grpc.name]
        assert row.openai_type == ("server_error" if row.http >= 500 else row.openai_type)


NAMED = {"field": "messages", "limit": "4096", "value": "5210"}
ENGLISH: list[tuple[errors.PasserelleError, str]] = [
    (errors.ContextLengthExceeded("Trop.", metadata=NAMED), "This model's maximum context length is 4096 tokens."),
    (errors.ContextLengthExceeded.of("prompt", 4096), "This model's maximum context length is 4096 tokens."),
    # Ce que cherche langchain-openai : le texte d'une erreur d'OpenAI ne porte plus son code.
    (
        errors.ContextLengthExceeded.of("messages", 4096, 5210),
        "Input tokens exceed the configured limit of 4096 tokens.",
    ),
    (errors.ContextLengthExceeded.of("messages", 4096, 5210), "exceeds the context window"),
    (errors.ContextLengthExceeded.of("max_tokens", 4096, 9000), "you requested 9000 tokens"),
    (errors.QueueFull("Pleine."), "Rate limit reached."),
    (errors.QueueFull("Pleine.", retry_after=2.2), "Rate limit reached. Please try again in 3s."),
    (errors.InvalidApiKey("Inconnue."), "Incorrect API key provided."),
    (errors.MissingApiKey("Absente."), "You didn't provide an API key."),
    (errors.ModelNotFound("Inconnu.", metadata={"model": "gpt-4o"}), "The model `gpt-4o` does not exist."),
    (
        errors.UnsupportedOption("Non.", metadata={"field": "response_format"}),
        "'response_format' of type 'json_schema' is not supported with this model.",
    ),
    *(
        (kind("Mauvais.", metadata={"field": f"response_format.{field}"}), "Invalid schema for response_format:")
        for kind in (errors.InvalidRequest, errors.UnsupportedOption)
        for field in ("json_schema", "json_schema.schema", "json_schema.schema.properties.a", "schema")
    ),
    (
        errors.InvalidRequest("Mauvais.", metadata={"field": "tools[0].function.parameters.type"}),
        "Invalid schema for function:",
    ),
]


@pytest.mark.parametrize(("error", "phrase"), ENGLISH, ids=lambda value: str(value).partition("\n")[2])
def test_what_clients_branch_on_is_also_said_as_openai_says_it(error: errors.PasserelleError, phrase: str) -> None:
    french, _, english = error.message.partition("\n")
    assert french == error.french and phrase in english and english.isascii()
    for body in (openai_body(error), api_body(error)):
        assert orjson.loads(body)["error"]["message"] == error.message
    # Autant de sauts d'un processus à l'autre qu'on veut : la phrase n'y est qu'une fois, chiffrée de même.
    once = from_status(to_status(error))
    assert once is not None and (twice := from_status(to_status(once))) is not None
    assert error.message == once.message == twice.message


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("n : trop.", metadata={"field": "n"}),
        errors.InvalidRequest("Absent.", metadata={"field": "response_format.json_schema.name"}),
        errors.InvalidRequest("Inconnu.", metadata={"field": "response_format.type"}),
        errors.UnsupportedOption("Non.", metadata={"field": "tools"}),
        errors.ModelNotFound("Aucun.", metadata={"field": "model"}),
        errors.WorkerLost("Perdu.", retry_after=1.0),
    ],
    ids=lambda error: error.reason,
)
def test_other_refusals_stay_french(error: errors.PasserelleError) -> None:
    assert error.message == error.french and "\n" not in error.message


def test_the_page_knows_every_english_phrase() -> None:
    source = (ROOT / "dashboard" / "src" / "api" / "errors.ts").read_text()
    starts = re.search(r"/\\n\((.+)\)\.\*\$/", source)
    assert starts is not None
    for error, _ in ENGLISH:
        assert error.message.partition("\n")[2].startswith(tuple(starts[1].split("|"))), error.message
