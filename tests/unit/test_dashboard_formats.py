"""La page redemande les formes d'un résultat par un message qu'elle refait : le serveur en écrit les mêmes fichiers."""

from typing import Any

import pytest
from passerelle.v1 import diarize_pb2, transcribe_pb2

from server.errors import InvalidRequest
from server.formats import render
from server.formats.form import ResponseFormat, TranscriptForm
from server.front.audio.written import diarization_forms, transcript_forms
from tests.support.dashboard_formats import PATH, Response, asked, body_of, responses, written

CASES = dict(responses())
CONFIG = transcribe_pb2.TranscribeConfig()


def test_the_cases_that_judge_the_page_come_from_this_server() -> None:
    advice = "périmé : lancez « python -m tests.support.dashboard_formats », puis les essais de la page"
    assert PATH.read_text(encoding="utf-8") == written(), f"{PATH.name} {advice}"


async def forms(response: Response, *formats: str) -> dict[str, str]:
    """Formes que rend le service."""
    found = (
        await diarization_forms(diarize_pb2.WriteDiarizationRequest(diarization=response, formats=formats))
        if isinstance(response, diarize_pb2.DiarizeResponse)
        else await transcript_forms(transcribe_pb2.WriteTranscriptRequest(transcript=response, formats=formats))
    )
    return {form.format: form.text for form in found}


@pytest.mark.parametrize("name", CASES)
async def test_the_message_of_the_page_gives_the_files_of_the_whole_result(name: str) -> None:
    response = CASES[name]
    again = await forms(asked(body_of(response)))
    for form in ("text", "srt", "vtt", "rttm"):
        if isinstance(response, diarize_pb2.DiarizeResponse):
            whole = render.diarization(response, rttm=True)[0] if form == "rttm" else None
        else:
            wanted = TranscriptForm(ResponseFormat(form), api=True)
            whole = render.transcription(response, CONFIG, wanted)[0]
        if form in again:
            assert whole is not None and again[form] == whole.decode()


async def test_all_the_forms_a_result_has_come_at_once_and_only_those() -> None:
    everything = {str(form) for form in ResponseFormat}
    assert (await forms(CASES["locuteurs"])).keys() == everything
    assert (await forms(CASES["mots"])).keys() == everything - {"rttm", "diarized_json"}
    assert (await forms(CASES["tours"])).keys() == {"json", "rttm"}
    assert list(await forms(CASES["mots"], "vtt", "srt")) == ["vtt", "srt"]


@pytest.mark.parametrize(("name", "form"), [("mots", "rttm"), ("mots", "docx"), ("tours", "srt"), ("mots", "")])
async def test_a_form_a_result_does_not_have_is_named(name: str, form: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await forms(CASES[name], form)
    assert refused.value.metadata["field"] == "formats" and refused.value.metadata["value"] == form


def crafted() -> dict[str, Any]:
    """Ce qu'aucun moteur ne rend, mais qu'un client peut écrire."""
    span = {"start_offset": {"seconds": -3, "nanos": -1}, "end_offset": {"seconds": 315_576_000_000}}
    word = {"text": "absent", **span}
    segment = {"text": "a  b", "words": [word, word], "speaker_label": "a\nb", "confidence": float("nan"), **span}
    return {"text": "autre", "segments": [segment, {}, {**segment, "confidence": -1.0}]}


async def test_a_result_no_engine_gave_is_written_or_refused_never_a_crash() -> None:
    found = await forms(transcribe_pb2.TranscribeResponse(**crafted()))
    assert found.keys() == {str(form) for form in ResponseFormat}
