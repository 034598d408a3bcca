"""Toutes les formes d'un même résultat, à la demande d'un client qui l'a déjà."""

import asyncio
from collections.abc import Callable, Sequence

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.errors import InvalidRequest
from server.formats import render
from server.formats.form import SPOKEN, ResponseFormat, TranscriptForm
from server.front.audio.known_speakers import UNNAMED
from server.front.audio.speakers import separated
from server.front.audio.subtitle_style import style_of
from server.shown import shown

_CONFIG = transcribe_pb2.TranscribeConfig()
_TURNS = (ResponseFormat.JSON, ResponseFormat.RTTM)


async def transcript_forms(request: transcribe_pb2.WriteTranscriptRequest) -> list[audio_pb2.WrittenForm]:
    """Formes d'une transcription.

    Raises:
        InvalidRequest: forme qu'elle n'a pas, ou valeur qui ne s'écrit pas.
    """
    style = style_of(request.subtitles)
    # Une phrase de direct a parfois plusieurs locuteurs. Une réunion de six heures occuperait la boucle.
    whole = await asyncio.to_thread(separated, request.transcript)
    labels = {segment.speaker_label for segment in whole.segments if segment.HasField("speaker_label")}
    # Le résultat ne dit pas les noms de sa requête : ce qui n'a pas la forme d'une étiquette en est un.
    names = frozenset(label for label in labels if not UNNAMED.fullmatch(label))
    known = [form for form in ResponseFormat if labels or form not in SPOKEN]
    return await _written(
        "transcript",
        request.formats,
        known,
        lambda form: render.transcription(
            whole, _CONFIG, TranscriptForm(form, words=True, api=True, names=names, style=style)
        ),
    )


async def diarization_forms(request: diarize_pb2.WriteDiarizationRequest) -> list[audio_pb2.WrittenForm]:
    """Formes d'une diarisation.

    Raises:
        InvalidRequest: forme qu'elle n'a pas, ou valeur qui ne s'écrit pas.
    """
    result = request.diarization
    return await _written(
        "diarization",
        request.formats,
        _TURNS,
        lambda form: render.diarization(result, rttm=form is ResponseFormat.RTTM),
    )


async def _written(
    field: str,
    asked: Sequence[str],
    known: Sequence[ResponseFormat],
    write: Callable[[ResponseFormat], tuple[bytes, str]],
) -> list[audio_pb2.WrittenForm]:
    for name in asked:
        if name not in known:
            names = ", ".join(known)
            raise InvalidRequest(
                f"formats : ce résultat n'a pas cette forme ({names} ; reçu : {name}).",
                metadata={"field": "formats", "limit": names, "value": name},
            )

    def all_of_them() -> list[audio_pb2.WrittenForm]:
        forms = [ResponseFormat(name) for name in dict.fromkeys(asked)] or known
        written = ((form, *write(form)) for form in forms)
        try:
            return [
                audio_pb2.WrittenForm(format=form, content_type=kind, text=body.decode())
                for form, body, kind in written
            ]
        except (ArithmeticError, TypeError, ValueError) as error:
            # Ce résultat vient du client : une durée hors de toute mesure, une raison qui n'existe pas.
            raise InvalidRequest(
                f"{field} : une valeur de ce résultat ne s'écrit pas ({shown(str(error))}).",
                metadata={"field": field},
            ) from None

    # Une réunion de six heures occuperait la boucle qui sert tout le monde.
    return await asyncio.to_thread(all_of_them)
