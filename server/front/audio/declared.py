"""Le codage qu'annoncent le type ou l'extension d'un envoi ; il ne sert que si les octets ne disent aucun conteneur."""

from passerelle.v1 import audio_pb2

_G722, _GSM = audio_pb2.AUDIO_ENCODING_G722, audio_pb2.AUDIO_ENCODING_GSM
_MULAW, _ALAW = audio_pb2.AUDIO_ENCODING_MULAW, audio_pb2.AUDIO_ENCODING_ALAW
_TYPES: dict[str, audio_pb2.AudioEncoding] = {
    "g722": _G722, "gsm": _GSM, "pcmu": _MULAW, "basic": _MULAW, "mulaw": _MULAW, "pcma": _ALAW, "alaw": _ALAW,
}  # fmt: skip
_EXTENSIONS: dict[str, audio_pb2.AudioEncoding] = {
    "g722": _G722, "gsm": _GSM, "ul": _MULAW, "ulaw": _MULAW, "mulaw": _MULAW, "pcmu": _MULAW, "al": _ALAW,
    "alaw": _ALAW, "pcma": _ALAW, "sln": audio_pb2.AUDIO_ENCODING_PCM_S16LE,
}  # fmt: skip
"""Téléphonie : 8 kHz et un canal, sauf G.722."""


def assumed(content_type: str, name: str) -> audio_pb2.AudioEncoding:
    """Codage annoncé, le type l'emportant sur le nom."""
    family, _, kind = content_type.split(";", maxsplit=1)[0].strip().lower().partition("/")
    found = _TYPES.get(kind.removeprefix("x-")) if family == "audio" else None
    if found is None:
        found = _EXTENSIONS.get(name.rpartition(".")[2].lower()) if "." in name else None
    return found or audio_pb2.AUDIO_ENCODING_UNSPECIFIED
