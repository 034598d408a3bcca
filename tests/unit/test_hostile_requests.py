"""Les lecteurs de ce que tout le monde peut envoyer : ils lisent, ou refusent dans leurs mots, jamais autrement."""

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from passerelle.v1 import audio_pb2, chat_pb2, diarize_pb2, rest_pb2, transcribe_pb2

from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import InvalidRequest, PasserelleError
from server.front.audio import options as audio
from server.front.audio.multipart import FormReader
from server.front.chat.request import OpenAiRequest, check, parse
from server.front.chat.typed_request import chat_request, complete_request
from server.rpc.auth import Guard
from server.web.live_messages import check_end, first_message
from tests.support import hostile
from tests.support.properties import RANDOMS

LIMITS = Limits()

SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {
        "cat": {"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]},
        "dog": {"type": "object", "properties": {"kind": {"enum": ["dog"]}}, "required": ["kind"]},
    },
    "properties": {
        "pet": {"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}, {"type": "null"}, {"const": 3}]},
        "day": {"type": ["string", "null"], "format": "date"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "maxItems": 3},
    },
    "required": ["pet"],
    "additionalProperties": False,
}
CHAT: dict[str, Any] = {
    "model": "qwen",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Réponds."}]},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8=", "detail": "low"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "meteo", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "beau"},
    ],
    "max_completion_tokens": 8,
    "n": 2,
    "temperature": 0.5,
    "top_p": 0.5,
    "seed": 3,
    "stop": ["a"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "logit_bias": {"12": 1},
    "logprobs": True,
    "top_logprobs": 3,
    "tools": [{"type": "function", "function": {"name": "meteo", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "meteo"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}},
    "chat_template_kwargs": {"enable_thinking": True},
}
COMPLETION: dict[str, Any] = {
    "model": "qwen",
    "prompt": ["un", [1, 2]],
    "max_tokens": 3,
    "logprobs": 2,
    "n": 2,
    "best_of": 2,
    "echo": True,
    "suffix": "fin",
    "stop": "a",
}
KINDS = pytest.mark.parametrize(("kind", "body"), [(ChatKind.CHAT, CHAT), (ChatKind.COMPLETION, COMPLETION)])


def held(read: Callable[[], OpenAiRequest]) -> None:
    """Une requête lue est un JSON qu'un moteur peut relire ; une requête refusée l'est par une de nos erreurs."""
    with contextlib.suppress(PasserelleError):
        request = read()
        assert isinstance(orjson.loads(request.payload), dict)
        for engine in ("vllm", "llamacpp", "mien.moteur:fabrique"):
            with contextlib.suppress(PasserelleError):
                assert isinstance(orjson.loads(request.for_engine("qwen", engine, LIMITS)), dict)


@KINDS
@given(rng=RANDOMS)
def test_damaged_requests(kind: ChatKind, body: dict[str, Any], rng: Random) -> None:
    held(lambda: parse(kind, hostile.json_bytes(hostile.damaged_value(rng, body)), LIMITS))


@KINDS
@given(rng=RANDOMS)
def test_damaged_bytes(kind: ChatKind, body: dict[str, Any], rng: Random) -> None:
    held(lambda: parse(kind, hostile.damaged(rng, hostile.json_bytes(body)), LIMITS))


TYPED_CHAT = chat_pb2.ChatRequest(
    model="qwen",
    messages=[chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text="Bonjour")])],
    tools=[chat_pb2.Tool(name="meteo", parameters={"type": "object"})],
    tool_choice="meteo",
    response_format=chat_pb2.ResponseFormat(json_schema=chat_pb2.JsonSchemaFormat(name="s", schema={"type": "object"})),
    options=chat_pb2.GenerationOptions(max_tokens=8, extra={"top_k": 5}),
)
TYPED_COMPLETION = chat_pb2.CompleteRequest(
    model="qwen", prompt="Il", options=chat_pb2.GenerationOptions(extra={"top_k": 5})
)


@given(rng=RANDOMS)
def test_typed_requests(rng: Random) -> None:
    chat: Any = hostile.changed(rng, TYPED_CHAT)
    completion: Any = hostile.changed(rng, TYPED_COMPLETION)
    stream = rng.random() < 0.5
    held(lambda: check(ChatKind.CHAT, chat_request(chat, stream=stream), LIMITS))
    held(lambda: check(ChatKind.COMPLETION, complete_request(completion, stream=stream), LIMITS))


TYPE = "multipart/form-data; boundary=frontiere"
PART = b'--frontiere\r\nContent-Disposition: form-data; name="%s"%s\r\nContent-Type: audio/wav\r\n\r\n%s\r\n'
FORM = (
    b"".join(PART % part for part in ((b"model", b"", b"canary"), (b"file", b'; filename="a.wav"', b"RIFF" * 40)))
    + b"--frontiere--\r\n"
)


def read_form(pieces: list[bytes]) -> tuple[bytes, dict[str, list[str]]] | None:
    """Fichier et champs d'un formulaire ; `None` s'il est refusé."""
    reader = FormReader(TYPE, max_parts=8, max_field_bytes=100)
    try:
        file = b"".join(part for piece in pieces for part in reader.feed(piece))
        reader.finish()
    except InvalidRequest:
        return None
    assert sum(map(len, reader.fields.values())) <= 8
    return file, reader.fields


@given(rng=RANDOMS)
def test_damaged_forms_are_read_the_same_wherever_they_are_cut(rng: Random) -> None:
    body = hostile.damaged(rng, FORM)
    assert read_form(hostile.cut(rng, body)) == read_form([body])


@given(rng=RANDOMS)
def test_damaged_content_types(rng: Random) -> None:
    named = hostile.damaged(rng, b"multipart/form-data; boundary=\"front\"; charset*=utf-8''x").decode("latin-1")
    with contextlib.suppress(InvalidRequest):
        FormReader(named, max_parts=8, max_field_bytes=100)


NAMES = (
    *("model", "language", "temperature", "prompt", "response_format", "timestamp_granularities[]", "stream", "task"),
    *("chunking_strategy", "diarize", "num_speakers", "min_speakers", "max_speakers", "encoding", "sample_rate_hertz"),
    *("channel_count", "punctuation", "target_language", "word_timestamps", "diarization_model", "inconnu", "é" * 80),
)
VALUES = st.sampled_from(
    [
        *(
            *hostile.TEXTS,
            "json",
            "srt",
            "verbose_json",
            "diarized_json",
            "rttm",
            "word",
            "pcm_s16le",
            "translate",
            "fr",
        ),
        *("0.5", "1e39", "-1", "1_0", "16000", "4294967296", '{"type":"server_vad"}', '{"type":"server_vad","x":1}'),
        "[" * 999,
    ]
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, min_size=1, max_size=2))


@given(rng=RANDOMS, fields=FIELDS)
def test_form_fields(rng: Random, fields: dict[str, list[str]]) -> None:
    transcribe: Any = hostile.any_message(rng, rest_pb2.TranscribeAudioRequest.DESCRIPTOR)
    diarize: Any = hostile.any_message(rng, rest_pb2.ProcessDiarizationRequest.DESCRIPTOR)
    for read in (
        lambda: audio.openai_transcription(fields, LIMITS),
        lambda: audio.openai_translation(fields, LIMITS),
        lambda: audio.api_transcription(transcribe, fields, LIMITS),
        lambda: audio.api_diarization(diarize, fields, LIMITS),
    ):
        with contextlib.suppress(PasserelleError):
            read()


RAW = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=16000)


@given(rng=RANDOMS)
def test_typed_audio_configurations(rng: Random) -> None:
    valid = transcribe_pb2.TranscribeConfig(audio_format=RAW, diarization=diarize_pb2.DiarizeConfig(max_speakers=3))
    config: Any = hostile.changed(rng, valid)
    with contextlib.suppress(PasserelleError):
        audio.check_transcribe(config, LIMITS)


FIRST: dict[str, Any] = {
    "type": "config",
    "api_key": "cle",
    "config": {
        "config": {
            "model": "canary",
            "temperature": 0.5,
            "audio_format": {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 16000},
            "diarization": {"num_speakers": 2},
        },
        "interim_results": True,
        "endpoint_silence": "0.5s",
    },
}


@given(rng=RANDOMS)
def test_web_socket_texts(rng: Random) -> None:
    texts = (
        orjson_text(hostile.damaged_value(rng, FIRST)),
        hostile.damaged(rng, orjson.dumps(FIRST)).decode("utf-8", "replace"),
        orjson_text(hostile.damaged_value(rng, {"type": "end"})),
    )
    for text in texts:
        for read in (first_message, check_end):
            with contextlib.suppress(PasserelleError):
                read(text, LIMITS.max_json_depth)


def orjson_text(value: Any) -> str:
    return hostile.json_bytes(value).decode()


HEADERS = ("origin", "x-forwarded-host", "host", "authorization", "x-api-key", "api-key", "cookie")
HEADER_VALUES = st.sampled_from(
    ("http://[", "http://hote:port", "//", "null", "Bearer", "Bearer  x", "\xff", "a" * 9000, "hote")
)


@given(headers=st.lists(st.tuples(st.sampled_from(HEADERS), HEADER_VALUES)))
def test_headers(headers: list[tuple[str, str]]) -> None:
    for guard in (Guard((), ()), Guard(("cle",), ("cle-admin",), allowed_origins=("http://ami",))):
        for ask in (guard.check_origin, guard.access, lambda found, guard=guard: guard.check("/inconnu", found)):
            with contextlib.suppress(PasserelleError):
                ask(headers)
