"""Les messages reçus : décompressés si l'exploitant l'admet, jamais au-delà de leur limite, puis lus.

gRPC décompresserait un message entier avant d'en mesurer la taille. Il ne décompresse donc rien (`server.rpc.server`) :
il refuse de lui-même tout appel compressé, ou laisse ce soin à ce module.
"""

import zlib
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from server.errors import InvalidRequest, PayloadTooLarge

Decoder = Callable[[bytes], Any]
"""Message d'après ses octets."""

_GZIP = b"\x1f\x8b"
"""Début d'un message compressé : aucun message protobuf ne commence ainsi (type de champ inconnu)."""


def decoder(deserialize: Decoder | None, inflated_bytes: int) -> Decoder:
    """Lecture des messages d'une méthode ; `inflated_bytes` vaut 0 quand nul ne peut être compressé.

    La fonction rendue lève InvalidRequest (message illisible) ou PayloadTooLarge (trop gros, une fois décompressé).
    """

    def decode(data: bytes) -> Any:
        if inflated_bytes and data.startswith(_GZIP):
            data = _inflated(data, inflated_bytes)
        if deserialize is None:
            return data
        try:
            return deserialize(data)
        except DecodeError as error:
            raise InvalidRequest(
                "Le message reçu ne se lit pas : ce n'est pas celui que cette méthode attend, en protobuf."
            ) from error

    return decode


def _inflated(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        inflated = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise InvalidRequest("Le message reçu ne se décompresse pas (grpc-encoding: gzip).") from error
    if len(inflated) > limit:
        raise PayloadTooLarge(
            f"Le message, une fois décompressé, dépasse {limit} octets.",
            metadata={"field": "grpc-encoding", "limit": str(limit)},
        )
    if not stream.eof or stream.unused_data:
        raise InvalidRequest("Le message compressé (grpc-encoding: gzip) est incomplet, ou suivi d'autre chose.")
    return inflated
