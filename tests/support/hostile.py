"""Des entrées abîmées : octets, JSON et messages qu'aucun client honnête n'envoie.

Tout vient du `Random` reçu : une graine, ou hypothesis, redonne la même entrée.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

BYTES: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b'"',
    b";",
    b"--",
    b"%00",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"-1",
    b"99999999999999999999",
    b"A" * 300,
)
"""Suites d'octets où un lecteur se trompe volontiers."""

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\0",
    "é" * 90,
    "../../etc/passwd",
    "data:image/png;base64,",
    "http://[",
    "nan",
    "1e400",
    "-0",
    "true",
    "١٢",
    "²",
    "\u2028",
    "😀" * 30,
    "a" * 5000,
)
DEPTH = 400
"""Niveaux d'une valeur profonde, au plus."""
NUMBERS: tuple[float, ...] = (
    *(0, -1, 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30),
    *(0.5, -0.0, 1e-320, 1e300, float("inf"), float("-inf"), float("nan")),
)


def damaged(rng: Random, data: bytes) -> bytes:
    """Octets après une à quatre atteintes : écrasés, ôtés, ajoutés, répétés ou coupés."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(found))
        end = min(len(found), at + rng.randint(1, 12))
        match rng.randint(0, 5):
            case 0 if found:
                found[at % len(found)] = rng.randint(0, 255)
            case 1:
                del found[at:end]
            case 2:
                found[at:at] = rng.choice(BYTES)
            case 3:
                found[at:at] = found[at:end] * rng.randint(1, 4)
            case 4:
                found[at:end] = rng.choice(BYTES)
            case _:
                del found[at:]
    return bytes(found)


def cut(rng: Random, data: bytes) -> list[bytes]:
    """Les mêmes octets, en morceaux de toute taille."""
    pieces = []
    at = 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 17, 300, len(data)))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def any_value(rng: Random, depth: int = 2) -> Any:
    """Valeur JSON quelconque."""
    match rng.randint(0, 7 if depth else 4):
        case 0:
            return rng.choice((None, True, False))
        case 1 | 2:
            return rng.choice(NUMBERS)
        case 3 | 4:
            return rng.choice(TEXTS)
        case 5:
            return [any_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
        case 6:
            return {rng.choice(TEXTS): any_value(rng, depth - 1) for _ in range(rng.randint(0, 3))}
        case _:
            return nested(rng.randint(1, DEPTH), rng.random() < 0.5)


def nested(depth: int, objects: bool) -> Any:
    """Valeur profonde."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if objects else [value]
    return value


def damaged_value(rng: Random, value: Any) -> Any:
    """Le même JSON, avec un à trois endroits changés, ôtés, ajoutés ou répétés."""
    found = deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        found = _damaged_once(rng, found)
    return found


def _damaged_once(rng: Random, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return any_value(rng)
    key: Any = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    match rng.randint(0, 6):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[rng.choice(TEXTS)] = any_value(rng)
        case 1 if isinstance(value, list):
            value.extend(value[:1] * rng.choice((1, 70, 1100)))
        case 2:
            value[key] = any_value(rng)
        case _:
            value[key] = _damaged_once(rng, value[key])
    return value


Kind = Any
"""Descripteur d'un message, de l'une ou l'autre implémentation de protobuf."""


def json_bytes(value: Any) -> bytes:
    """JSON à la manière de Python : `NaN` et les infinis y sont des mots."""
    return json.dumps(value).encode()


def any_message(rng: Random, kind: Kind, depth: int = 3) -> Message:
    """Message valide de ce type, aux champs tirés au sort."""
    message: Message = GetMessageClass(kind)()
    for field in kind.fields:
        if rng.random() < 0.6:
            _fill(rng, message, field, depth)
    return message


def changed(rng: Random, message: Message) -> Message:
    """Le même message, dont un à trois champs ont une autre valeur, où qu'ils soient."""
    found = deepcopy(message)
    for _ in range(rng.randint(1, 3)):
        inner: Any = found
        while present := [one for one in _messages(inner) if rng.random() < 0.6]:
            inner = rng.choice(present)
        field = rng.choice(inner.DESCRIPTOR.fields)
        inner.ClearField(field.name)
        _fill(rng, inner, field, 2)
    return found


def _messages(message: Any) -> list[Message]:
    found: list[Message] = []
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            found += list(value) if field.is_repeated else [value]
    return found


def _fill(rng: Random, message: Any, field: Any, depth: int) -> None:
    """Donne à un champ une valeur tirée au sort ; un message trop profond reste vide."""
    found = getattr(message, field.name)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        value = _scalar(rng, field)
        if field.is_repeated:
            found.extend([value] * rng.choice((1, 2, 40)))
        else:
            setattr(message, field.name, value)
    elif field.message_type.GetOptions().map_entry:
        key, entry = field.message_type.fields
        if entry.type != FieldDescriptor.TYPE_MESSAGE:
            found[_scalar(rng, key)] = _scalar(rng, entry)
        elif depth:
            found[_scalar(rng, key)].CopyFrom(any_message(rng, entry.message_type, depth - 1))
    elif depth:
        one = any_message(rng, field.message_type, depth - 1)
        if field.is_repeated:
            found.extend([one] * rng.choice((1, 3)))
        else:
            found.CopyFrom(one)


def damaged_message(rng: Random, message: Message) -> bytes:
    """Octets d'un message, abîmés une fois sur deux."""
    data = message.SerializeToString()
    return damaged(rng, data) if rng.random() < 0.5 else data


_FLOATS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)


def _scalar(rng: Random, field: FieldDescriptor) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return rng.choice(TEXTS)
        case FieldDescriptor.TYPE_BYTES:
            return rng.choice(BYTES)
        case FieldDescriptor.TYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.TYPE_ENUM:
            return rng.choice((0, 1, 2, 3, 999, -1))
        case kind if kind in _FLOATS:
            return float(rng.choice(NUMBERS))
        case _:
            return rng.choice(_integers(field))


def _integers(field: FieldDescriptor) -> Sequence[int]:
    signed = field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
    bits = 32 if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32) else 64
    return (0, 1, 7, 2 ** (bits - 1) - 1, *((-1, -(2 ** (bits - 1))) if signed else (2**bits - 1,)))
