"""Chaque champ d'un message, gonflé à 200 Ko : d'une valeur longue, ou de beaucoup de petites."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

SIZE = 200_000
TEXTS = ("A" * SIZE, "é" * (SIZE // 2))
"""Un accent coûte six octets dans un en-tête de gRPC, où une lettre en coûte un."""
MANY = 20_000


def enlarged(base: Message) -> Iterator[tuple[str, Message]]:
    """Copies de `base`, chacune avec un seul champ gonflé, et le nom de ce champ."""
    for field in base.DESCRIPTOR.fields:
        for name, change in _changes(field, base):
            copy = type(base)()
            copy.CopyFrom(base)
            change(copy)
            yield name, copy


def _changes(field: Any, base: Message) -> Iterator[tuple[str, Any]]:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        texts = [one.type == FieldDescriptor.TYPE_STRING for one in (key, value)]
        keys = [f"é{index}" if texts[0] else index for index in range(MANY)]
        yield f"{name}[]", lambda m: getattr(m, name).update(dict.fromkeys(keys, "é" if texts[1] else 1))
        if all(texts):
            for text in TEXTS:
                yield f"{name}[long]", lambda m, text=text: getattr(m, name).update({"clé": text})
        return
    if field.is_repeated:
        yield from _repeated(field, base)
    elif field.type == FieldDescriptor.TYPE_STRING:
        for text in TEXTS:
            yield name, lambda m, text=text: setattr(m, name, text)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        yield name, lambda m: setattr(m, name, b"\xff" * SIZE)
    elif field.message_type is not None and field.message_type.full_name == "google.protobuf.Struct":
        for kind, value in structs().items():
            yield f"{name}.{kind}", lambda m, value=value: getattr(m, name).update(value)
    elif field.message_type is not None:
        inner = getattr(base, name)
        for path, copy in enlarged(inner):
            yield f"{name}.{path}", lambda m, copy=copy: getattr(m, name).CopyFrom(copy)


def _repeated(field: Any, base: Message) -> Iterator[tuple[str, Any]]:
    name = field.name
    if field.message_type is not None:
        present = getattr(base, name)
        first = present[0] if present else present.add()
        yield f"{name}[]", lambda m: getattr(m, name).extend([first] * (SIZE // max(10, first.ByteSize())))
        for path, copy in enlarged(first):
            yield f"{name}[0].{path}", lambda m, copy=copy: _put(getattr(m, name), copy)
    elif field.type == FieldDescriptor.TYPE_STRING:
        for text in TEXTS:
            yield f"{name}[0]", lambda m, text=text: getattr(m, name).append(text)
        yield f"{name}[]", lambda m: getattr(m, name).extend(["aé"] * (SIZE // 4))
    elif field.type == FieldDescriptor.TYPE_BYTES:
        yield f"{name}[0]", lambda m: getattr(m, name).append(b"\xff" * SIZE)
        yield f"{name}[]", lambda m: getattr(m, name).extend([b"\xff"] * (SIZE // 4))
    else:
        yield f"{name}[]", lambda m: getattr(m, name).extend([1] * SIZE)


def _put(items: Any, copy: Message) -> None:
    del items[:1]
    items.insert(0, copy)


def structs() -> dict[str, dict[str, Any]]:
    """Objets JSON de 200 Ko, par ce qu'ils ont de grand."""
    return {
        "clé": {TEXTS[1]: 1},
        "texte": {"temperature": TEXTS[1]},
        "liste": {"temperature": [1] * (SIZE // 4)},
        "clés": {f"é{index}": 1 for index in range(MANY)},
        "inconnue": {"x": TEXTS[0]},
    }


def enlarged_json(base: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """De même d'un corps JSON : chaque valeur, puis une clé de plus."""
    for value in (TEXTS[0], TEXTS[1], [1] * (SIZE // 2), ["aé"] * (SIZE // 6), {TEXTS[1]: 1}, structs()["clés"]):
        yield path or ".", value
    if isinstance(base, dict):
        for key, inner in base.items():
            for where, value in enlarged_json(inner, f"{path}.{key}"):
                yield where, base | {key: value}
        yield f"{path}.<inconnu>", base | {TEXTS[1]: 1}
    elif isinstance(base, list) and base:
        for where, value in enlarged_json(base[0], f"{path}[0]"):
            yield where, [value, *base[1:]]
        yield f"{path}[]", base * (SIZE // 10)
