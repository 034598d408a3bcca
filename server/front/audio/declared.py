"""Le codage qu'annoncent le type ou l'extension d'un envoi ; il ne sert que si les octets ne disent aucun conteneur."""

from typing import cast

from passerelle.v1 import audio_pb2

from server.speech.signatures import RAW_EXTENSIONS, RAW_TYPES


def assumed(content_type: str, name: str) -> audio_pb2.AudioEncoding:
    """Codage annoncé, le type l'emportant sur le nom."""
    family, _, kind = content_type.split(";", maxsplit=1)[0].strip().lower().partition("/")
    found = RAW_TYPES.get(kind.removeprefix("x-")) if family == "audio" else None
    if found is None:
        found = RAW_EXTENSIONS.get(name.rpartition(".")[2].lower()) if "." in name else None
    number = audio_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{found or 'UNSPECIFIED'}")
    return cast(audio_pb2.AudioEncoding, number)
