"""Du résultat typé à la forme demandée."""

import orjson
from passerelle.v1 import diarize_pb2, transcribe_pb2

from server.formats import api, subtitles
from server.formats import openai_audio as openai
from server.formats.form import ResponseFormat, TranscriptForm
from server.formats.rttm import rttm as rttm_lines
from server.formats.rttm import spoken

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


def transcription(
    response: transcribe_pb2.TranscribeResponse, config: transcribe_pb2.TranscribeConfig, form: TranscriptForm
) -> tuple[bytes, str]:
    """Corps de la réponse et son type ; `config` est ce qui l'a demandée."""
    match form.format:
        case ResponseFormat.TEXT:
            return f"{response.text}\n".encode(), _TEXT
        case ResponseFormat.SRT:
            return subtitles.srt(response, form.style).encode(), "application/x-subrip; charset=utf-8"
        case ResponseFormat.VTT:
            return subtitles.vtt(response, form.style).encode(), "text/vtt; charset=utf-8"
        case ResponseFormat.VERBOSE_JSON:
            return orjson.dumps(openai.verbose_json_body(response, config, form)), _JSON
        case ResponseFormat.DIARIZED_JSON:
            return orjson.dumps(openai.diarized_json_body(response, form)), _JSON
        case ResponseFormat.RTTM:
            return spoken(response).encode(), _TEXT
    if form.api:
        return orjson.dumps(api.transcript_json(response)), _JSON
    return orjson.dumps(openai.json_body(response)), _JSON


def diarization(response: diarize_pb2.DiarizeResponse, *, rttm: bool = False) -> tuple[bytes, str]:
    """Corps de la réponse et son type."""
    if rttm:
        return rttm_lines(response).encode(), _TEXT
    return orjson.dumps(api.diarization_json(response)), _JSON
