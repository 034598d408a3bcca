"""Une langue se dit par son code, une étiquette ou un nom ; ce que le serveur en rend est admis en retour."""

import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2

from server.domain import Limits
from server.engines.nemo.multitask import _CANARY_V2
from server.formats import openai_audio
from server.formats.form import ResponseFormat, TranscriptForm
from server.front.audio.options import check_transcribe, openai_translation
from server.languages import NAMES, language_code, language_name
from server.settings.profile import load_profile

FORM = TranscriptForm(ResponseFormat.VERBOSE_JSON)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("fr", "fr"), ("FR", "fr"), ("fr-FR", "fr"), ("fr_CA", "fr"), ("fra", "fr"), ("fre", "fr"), (" fr ", "fr"),
        ("French", "fr"), ("french", "fr"), ("français", "fr"), ("FRANÇAIS", "fr"), ("francais", "fr"),
        ("franc\u0327ais", "fr"), ("anglais", "en"), ("en-US-u-ca-gregory", "en"), ("deutsch", "de"), ("ger", "de"),
        ("zh-Hans-CN", "zh"), ("cmn-Hant", "zh"), ("mandarin", "zh"), ("中文", "zh"), ("yue-HK", "yue"), ("日本語", "ja"),
        ("русский", "ru"), ("العربية", "ar"), ("iw", "he"), ("nb-NO", "no"), ("nn", "nn"), ("pt-BR", "pt"),
        ("haitian creole", "ht"), ("Burmese", "my"), ("es-419", "es"), ("sr-Latn-RS", "sr"), ("xx", "xx"),
        ("quelque chose", None), ("f", None), ("", None), ("fr,en", None), ("fr--FR", None), ("12", None), ("fr-", None),
    ],
)  # fmt: skip
def test_a_language_is_told_in_many_ways(told: str, code: str | None) -> None:
    assert language_code(told) == code


def test_every_language_of_the_engines_has_a_name_that_leads_back() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(NAMES) == set(_LANGUAGE_CODES) >= set(_CANARY_V2)
    for code, name in NAMES.items():
        assert language_code(name) == language_code(code) == code
        response = transcribe_pb2.TranscribeResponse(language=code)
        told = openai_audio.verbose_json_body(response, transcribe_pb2.TranscribeConfig(), FORM)["language"]
        assert told == name and language_code(told) == code
    assert language_name("xx") == "xx" and NAMES["mt"] == "maltese"


def test_a_configuration_ends_with_codes() -> None:
    config = transcribe_pb2.TranscribeConfig(language="français", target_language="en-GB")
    check_transcribe(config, Limits())
    assert (config.language, config.target_language) == ("fr", "en")
    translation = openai_translation({"model": ["m"], "language": ["French"]}, Limits())
    assert (translation.config.language, translation.config.target_language) == ("fr", "en")


@pytest.mark.parametrize(("confidence", "no_speech"), [(None, None), (0.0, None), (1.0, 0.2)])
def test_scores_are_numbers_whatever_the_engine_tells(confidence: float | None, no_speech: float | None) -> None:
    segment = audio_pb2.Segment(text="oui", confidence=confidence, no_speech_probability=no_speech)
    response = transcribe_pb2.TranscribeResponse(segments=[segment])
    [told] = openai_audio.verbose_json_body(response, transcribe_pb2.TranscribeConfig(), FORM)["segments"]
    assert isinstance(told["avg_logprob"], float) and told["avg_logprob"] <= 0
    assert told["no_speech_prob"] == (no_speech or 0.0)


@pytest.mark.parametrize("profile", ["dgx", "embarque"])
def test_the_names_openai_gives_lead_to_the_transcription_model(profile: str) -> None:
    [model] = [spec for spec in load_profile(profile).models if spec.capability == "transcribe"]
    assert {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"} <= {*model.aliases}
