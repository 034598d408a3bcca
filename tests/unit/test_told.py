"""Ce que la note retient des options : aucun champ libre, quel qu'il soit, n'y entre."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from passerelle.v1 import diarize_pb2, requests_pb2, transcribe_pb2

from server.front.told import chat_told, tell_diarize, tell_transcribe
from server.rpc.notes import Note, note

CANARY = "serin-des-essais"
CODES = {"language", "target_language"}
"""Vérifiés auparavant : il n'y reste qu'un code."""


def filled(message: Message) -> Message:
    """Ce message, dont chaque champ de texte ou d'octets, à toute profondeur, porte le serin."""
    for field in message.DESCRIPTOR.fields:
        value: Any = None
        if field.name in CODES:
            value = "fr"
        elif field.type == FieldDescriptor.TYPE_STRING:
            value = CANARY
        elif field.type == FieldDescriptor.TYPE_BYTES:
            value = CANARY.encode()
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated:
            getattr(message, field.name).SetInParent()
            filled(getattr(message, field.name))
        if value is not None and field.is_repeated:
            getattr(message, field.name).append(value)
        elif value is not None:
            setattr(message, field.name, value)
    return message


@pytest.mark.parametrize(
    ("tell", "config"),
    [(tell_transcribe, transcribe_pb2.TranscribeConfig()), (tell_diarize, diarize_pb2.DiarizeConfig())],
)
def test_no_text_of_an_audio_request_is_told(tell: Callable[[Any], None], config: Message) -> None:
    filled(config)
    written = str(config)
    assert "known_speaker_names" in written and ("phrases" in written or tell is tell_diarize)
    found = Note(requests_pb2.REQUEST_SORT_TRANSCRIBE, "r1", "", 0.0)
    token = note.set(found)
    try:
        tell(config)
    finally:
        note.reset(token)
    assert found.options is not None and CANARY not in repr(found.options)
    assert CANARY not in str(requests_pb2.RequestOptions(**found.options))


def test_no_text_of_a_conversation_is_told() -> None:
    names = ("messages", "prompt", "stop", "user", "suffix", "logit_bias", "metadata", "guided_regex", "tool_choice")
    told = chat_told({"max_tokens": 3, "tools": [{"function": {"name": CANARY}}], **dict.fromkeys(names, CANARY)})
    assert told == {"max_tokens": 3, "tools": 1}


def test_an_option_that_is_kept_is_a_number_or_a_choice() -> None:
    texts = {one.name for one in requests_pb2.RequestOptions.DESCRIPTOR.fields if one.type == one.TYPE_STRING}
    assert texts == CODES | {"format"}
    assert all(one.type != one.TYPE_BYTES for one in requests_pb2.RequestOptions.DESCRIPTOR.fields)
