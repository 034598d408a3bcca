"""La réception d'un envoi d'audio vers la réserve, commune aux services typés et aux routes HTTP."""

from collections.abc import AsyncIterator
from typing import Any

from google.api.httpbody_pb2 import HttpBody

from server.domain import Limits
from server.errors import (
    AudioConfigExpected,
    InvalidAudio,
    InvalidRequest,
    PasserelleError,
    PayloadTooLarge,
)
from server.front.audio.declared import assumed
from server.front.audio.known_speakers import field_bytes
from server.front.audio.multipart import FormReader, is_multipart
from server.front.audio.spool import SpoolFile
from server.rpc.bodies import drain, paced


async def receive_chunks(requests: AsyncIterator[Any], file: SpoolFile, limits: Limits) -> Any:
    """Écrit les morceaux d'un envoi typé ; rend sa configuration.

    Raises:
        DeadlineExceeded: client silencieux.
        AudioConfigExpected: la configuration n'est pas le premier message, ou revient.
        InvalidRequest: morceau vide.
        PayloadTooLarge: envoi trop gros.
    """
    config = None
    async for request in paced(requests, limits):
        kind = request.WhichOneof("payload")
        if config is None:
            if kind != "config":
                raise AudioConfigExpected(
                    "Le premier message d'un envoi porte la configuration (config), les suivants l'audio (chunk).",
                    metadata={"field": "config", "value": str(kind or "")},
                )
            config = request.config
        elif kind != "chunk":
            raise AudioConfigExpected(
                "La configuration ne vient qu'une fois, en premier ; ensuite, seulement de l'audio (chunk).",
                metadata={"field": "chunk", "value": str(kind or "")},
            )
        elif not request.chunk:
            raise InvalidRequest(
                "chunk : un morceau d'audio ne peut pas être vide ; fermez l'envoi pour le finir.",
                metadata={"field": "chunk", "limit": "1", "value": "0"},
            )
        else:
            await file.write(request.chunk)
    if config is None:
        raise AudioConfigExpected("L'envoi s'est fermé sans configuration.", metadata={"field": "config"})
    _not_empty(file)
    return config


async def receive_message(audio: bytes, file: SpoolFile, limits: Limits) -> None:
    """Écrit l'audio d'une requête d'un seul message.

    Raises:
        PayloadTooLarge: plus de `max_message_bytes` octets.
        InvalidAudio: rien.
    """
    if len(audio) > limits.max_message_bytes:
        raise PayloadTooLarge(
            f"audio : {len(audio)} octets en un message, plus que la limite de {limits.max_message_bytes} ; "
            "passez par l'envoi en morceaux.",
            metadata={"field": "audio", "limit": str(limits.max_message_bytes), "value": str(len(audio))},
        )
    await file.write(audio)
    _not_empty(file)


async def receive_body(
    bodies: AsyncIterator[HttpBody], file: SpoolFile, limits: Limits, *, form_only: bool
) -> dict[str, list[str]]:
    """Écrit un corps HTTP, brut ou multipart ; rend les champs du formulaire.

    Raises:
        InvalidRequest: formulaire mal formé.
        InvalidAudio: aucun octet d'audio.
        DeadlineExceeded: client silencieux.
        PayloadTooLarge: envoi trop gros.
    """
    reader: FormReader | None = None
    first = True
    bodies = paced(bodies, limits)
    try:
        async for body in bodies:
            if first:
                first = False
                file.assumed = assumed(body.content_type, "")
                if form_only or is_multipart(body.content_type):
                    reader = FormReader(
                        body.content_type,
                        max_parts=limits.max_form_parts,
                        max_field_bytes=limits.max_form_field_bytes,
                        long_fields=field_bytes(limits),
                    )
            if reader is None:
                await file.write(body.data)
            else:
                for piece in reader.feed(body.data):
                    await file.write(piece)
        if reader is not None:
            reader.finish()
            file.assumed = assumed(*reader.declared)
        _not_empty(file)
    except PasserelleError:
        await drain(bodies, limits)
        raise
    return dict(reader.fields) if reader is not None else {}


def _not_empty(file: SpoolFile) -> None:
    if not file.size:
        raise InvalidAudio("Le fichier audio est vide.", metadata={"field": "file", "value": "0"})
