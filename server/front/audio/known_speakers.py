"""Les locuteurs connus d'une requête : leurs noms et leurs extraits, vérifiés, puis mis dans la réserve.

Un extrait n'est jamais gardé : il est effacé avec la requête, et retiré de la configuration qui passe la liaison.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from passerelle.v1 import diarize_pb2

from server.domain import Limits
from server.front.audio.form_fields import FormFields
from server.front.audio.spool import Spool
from server.front.checks import refusal

NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]*)*;base64,", re.IGNORECASE)
UNNAMED = re.compile(r"(?:SPEAKER|CHANNEL)_\d+|[A-Z]|", re.ASCII)
"""Étiquettes des voix sans nom, ici ou dans `diarized_json`."""


def read_known(form: FormFields, config: diarize_pb2.DiarizeConfig) -> None:
    """Champs d'un formulaire : des noms, et autant d'adresses `data:`.

    Raises:
        InvalidRequest: un extrait n'est pas une adresse `data:` en base64.
    """
    config.known_speaker_names.extend(value for _, value in form.many(NAMES))
    for rank, (_, value) in enumerate(form.many(REFERENCES)):
        config.known_speaker_references.append(_decoded(f"{REFERENCES}[{rank}]", value))


def check_known(config: diarize_pb2.DiarizeConfig, limits: Limits) -> None:
    """Vérifie noms et extraits, d'où qu'ils viennent ; leur durée et leur parole le sont une fois décodés.

    Raises:
        InvalidRequest: trop, dépareillés, en double, vides ou trop longs ; le champ est nommé.
    """
    names, clips = config.known_speaker_names, config.known_speaker_references
    for field, values in ((NAMES, names), (REFERENCES, clips)):
        if len(values) > limits.max_known_speakers:
            most = limits.max_known_speakers
            raise refusal(field, f"{most} locuteurs connus au plus", len(values), limit=most)
    if len(names) != len(clips):
        field, count, other = (
            (REFERENCES, len(clips), len(names)) if len(clips) < len(names) else (NAMES, len(names), len(clips))
        )
        raise refusal(field, "un nom et un extrait sont attendus par locuteur", count, limit=other)
    most = limits.max_known_speaker_name_characters
    for rank, name in enumerate(names):
        field = f"{NAMES}[{rank}]"
        if not name.strip() or not name.isprintable():
            raise refusal(field, "un nom lisible est attendu, sans caractère de contrôle", name)
        if len(name) > most:
            raise refusal(field, f"{most} caractères au plus", len(name), limit=most)
        if UNNAMED.fullmatch(name):
            raise refusal(field, "ce nom est l'étiquette d'une voix inconnue", name)
        if name in names[:rank]:
            raise refusal(field, "un nom ne vient qu'une fois", name, limit=1)
    for rank, clip in enumerate(clips):
        field = f"{REFERENCES}[{rank}]"
        if not clip:
            raise refusal(field, "un extrait ne peut pas être vide", 0, limit=1)
        if len(clip) > limits.max_known_speaker_clip_bytes:
            most = limits.max_known_speaker_clip_bytes
            raise refusal(field, f"{most} octets au plus", len(clip), limit=most)
        if clip in clips[:rank]:
            raise refusal(field, "le même extrait ne peut pas être de deux locuteurs", len(clip), limit=1)


@asynccontextmanager
async def clips_in(spool: Spool, config: diarize_pb2.DiarizeConfig) -> AsyncIterator[tuple[str, ...]]:
    """Met les extraits dans la réserve, le temps du bloc, et les retire de la configuration ; rend leurs noms.

    Raises:
        QueueFull: réserve pleine.
    """
    clips = list(config.known_speaker_references)
    config.ClearField(REFERENCES)
    async with AsyncExitStack() as stack:
        names = []
        for clip in clips:
            file = await stack.enter_async_context(spool.file())
            await file.write(clip)
            names.append(file.name)
        yield tuple(names)


def field_bytes(limits: Limits) -> dict[str, tuple[int, int]]:
    """Champs de formulaire plus longs que les autres : leurs octets, et combien il en vient."""
    # Quatre caractères pour trois octets, et le type annoncé.
    return {REFERENCES: (4 * limits.max_known_speaker_clip_bytes // 3 + 256, limits.max_known_speakers)}


def _decoded(field: str, value: str) -> bytes:
    head = _DATA_URL.match(value)
    if head is None:
        raise refusal(field, "une adresse « data: » en base64 est attendue", value)
    try:
        return base64.b64decode(value[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise refusal(field, "ce qui suit « base64, » n'est pas du base64", value[head.end() :]) from None
