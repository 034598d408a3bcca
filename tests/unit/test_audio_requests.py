"""Les requêtes d'audio : formulaires lus à mesure, réglages vérifiés, réserve bornée."""

import os
import resource
from pathlib import Path
from typing import Any

import httpx2
import openai as openai_sdk
import pytest
from passerelle.v1 import audio_pb2, diarize_pb2, rest_pb2, transcribe_pb2

from server.domain import Limits
from server.errors import InvalidRequest, PasserelleError, PayloadTooLarge, QueueFull, UnsupportedOption
from server.front.audio import options as audio_options
from server.front.audio.multipart import FormReader
from server.front.audio.spool import Spool, SpoolFile
from server.shortage import is_shortage

TYPE = "multipart/form-data; boundary=frontiere"
FILE = bytes(range(256)) * 40 + b"\r\n--front\r\n--frontier"


def form(*parts: tuple[str, bytes], end: bool = True) -> bytes:
    """Corps multipart ; la partie `file` y porte un nom de fichier."""
    body = b""
    for field, value in parts:
        extra = '; filename="../a.wav"' if field == "file" else ""
        body += (
            f'--frontiere\r\nContent-Disposition: form-data; name="{field}"{extra}\r\n\r\n'.encode() + value + b"\r\n"
        )
    return body + (b"--frontiere--\r\n" if end else b"")


def read(body: bytes, step: int, **limits: int) -> tuple[bytes, FormReader]:
    """Fichier et champs d'un corps donné par morceaux de `step` octets."""
    bounds: Any = {"max_parts": 8, "max_field_bytes": 100} | limits
    reader = FormReader(TYPE, **bounds)
    found = b"".join(piece for at in range(0, len(body), step) for piece in reader.feed(body[at : at + step]))
    reader.finish()
    return found, reader


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 4096, 1 << 20])
def test_a_form_is_read_the_same_wherever_it_is_cut(step: int) -> None:
    body = form(("model", "café".encode()), ("file", FILE), ("t[]", b"word"), ("t[]", b"segment"))
    found, reader = read(body, step)
    assert found == FILE
    assert reader.fields == {"model": ["café"], "t[]": ["word", "segment"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (form(("model", b"m")), "file"),
        (form(("file", b"x"), end=False), "body"),
        (form(("file", b"x"), ("file", b"y")), "file"),
        (form(("model", b"\xff\xfe"), ("file", b"x")), "model"),
        (form(("prompt", b"x" * 101), ("file", b"x")), "prompt"),
        (form(*[("a", b"1")] * 9, ("file", b"x")), "body"),
        (b"ni tete ni queue", "body"),
        (b"", "body"),
        (b"--frontiere\r\nX: " + b"y" * 9000 + b"\r\n\r\nz\r\n--frontiere--\r\n", "body"),
    ],
)
def test_a_bad_form_is_refused_by_name(body: bytes, field: str) -> None:
    for step in (1, 11, 1 << 20):
        with pytest.raises(InvalidRequest) as raised:
            read(body, step)
        assert raised.value.metadata["field"] == field


def test_ten_thousand_parts_are_refused_at_once() -> None:
    reader = FormReader(TYPE, max_parts=64, max_field_bytes=100)
    with pytest.raises(InvalidRequest) as raised:
        reader.feed(form(*[("a", b"1")] * 10_000))
    assert raised.value.metadata | {"limit": "64", "value": "65"} == raised.value.metadata
    assert len(reader.fields.get("a", [])) <= 64


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "audio/wav", ""])
def test_a_form_without_boundary_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        FormReader(kind, max_parts=1, max_field_bytes=1)
    assert raised.value.metadata["field"] == "content-type"


LIMITS = Limits()


def openai(**fields: str) -> audio_options.TranscribeOptions:
    """Réglages d'un formulaire d'OpenAI."""
    return audio_options.openai_transcription({"model": ["m"]} | {k: [v] for k, v in fields.items()}, LIMITS)


def test_words_are_asked_of_the_engine_when_a_form_needs_them() -> None:
    assert not openai().config.word_timestamps
    for shape in ("srt", "vtt", "diarized_json"):
        assert openai(response_format=shape).config.word_timestamps
    words = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
    assert openai(**words).config.word_timestamps
    assert openai(response_format="diarized_json").config.HasField("diarization")
    assert openai(diarize="true", num_speakers="2").config.diarization.num_speakers == 2
    assert openai(diarize="true", diarization_model="autre").config.diarization.model == "autre"
    translation = audio_options.openai_translation({"model": ["m"]}, LIMITS)
    assert translation.config.task == transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE


def test_words_nobody_asked_for_are_only_taken_from_a_model_that_dates_them() -> None:
    read = audio_options.api_transcription
    for fields in ({"stream": ["true"]}, {"response_format": ["verbose_json"]}):
        options = read(rest_pb2.TranscribeAudioRequest(), fields, LIMITS)
        assert options.refine and not options.config.word_timestamps
        asked = read(rest_pb2.TranscribeAudioRequest(word_timestamps=True), fields, LIMITS)
        assert asked.config.word_timestamps
    assert openai(response_format="verbose_json").refine
    assert not openai(response_format="verbose_json").config.word_timestamps
    assert not openai(stream="true").refine


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"response_format": "xml"}, InvalidRequest, "response_format"),
        ({"temperature": "1.5"}, InvalidRequest, "temperature"),
        ({"temperature": "chaud"}, InvalidRequest, "temperature"),
        ({"temperature": "nan"}, InvalidRequest, "temperature"),
        ({"language": "quelque chose"}, InvalidRequest, "language"),
        ({"language": "fr,en"}, InvalidRequest, "language"),
        ({"language": "-"}, InvalidRequest, "language"),
        ({"stream": "oui"}, InvalidRequest, "stream"),
        ({"stream": "true", "response_format": "srt"}, UnsupportedOption, "stream"),
        ({"timestamp_granularities[]": "word"}, InvalidRequest, "timestamp_granularities[]"),
        ({"timestamp_granularities[]": "jour", "response_format": "verbose_json"}, InvalidRequest, "timestamp_granularities[]"),
        ({"include[]": "logprobs"}, UnsupportedOption, "include[]"),
        ({"known_speaker_names[]": "moi"}, InvalidRequest, "diarize"),
        ({"chunking_strategy": "jamais"}, InvalidRequest, "chunking_strategy"),
        ({"chunking_strategy": '{"type":"server_vad","threshold":0.4}'}, UnsupportedOption, "chunking_strategy.threshold"),
        ({"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.5"}, UnsupportedOption, "chunking_strategy.threshold"),
        ({"chunking_strategy.type": "semantic"}, InvalidRequest, "chunking_strategy"),
        ({"chunking_strategy[type]": "server_vad", "chunking_strategy": "auto"}, InvalidRequest, "chunking_strategy[type]"),
        ({"chunking_strategy[type]": "server_vad", "chunking_strategy.type": "server_vad"}, InvalidRequest, "chunking_strategy.type"),
        ({"chunking_strategy[type][x]": "server_vad"}, UnsupportedOption, "chunking_strategy[type][x]"),
        ({"chunking_strategy[]": "auto"}, UnsupportedOption, "chunking_strategy[]"),
        ({"timestamp_granularities[0]": "jour", "response_format": "verbose_json"}, InvalidRequest, "timestamp_granularities[0]"),
        ({"timestamp_granularities[a]": "word", "response_format": "verbose_json"}, UnsupportedOption, "timestamp_granularities[a]"),
        ({f"timestamp_granularities[{'9' * 5000}]": "word", "response_format": "verbose_json"}, UnsupportedOption, f"timestamp_granularities[{'9' * 5000}]"[:80]),
        ({"timestamp_granularities[0]": "word", "timestamp_granularities.0": "word", "response_format": "verbose_json"}, InvalidRequest, "timestamp_granularities[0]"),
        ({"language[]": "fr"}, UnsupportedOption, "language[]"),
        ({"include[0]": "logprobs"}, UnsupportedOption, "include[0]"),
        ({"known_speaker_references[1]": "data:"}, InvalidRequest, "known_speaker_references[0]"),
        ({"prompt": "x" * 5000}, InvalidRequest, "prompt"),
        ({"phrases": "x" * 5000}, InvalidRequest, "phrases"),
        ({"phrases[]": " "}, InvalidRequest, "phrases"),
        ({"phrases": "Diane", "phrase_boost": "11"}, InvalidRequest, "phrase_boost"),
        ({"phrases": "Diane", "phrase_boost": "nan"}, InvalidRequest, "phrase_boost"),
        ({"phrase_boost": "2"}, InvalidRequest, "phrase_boost"),
        ({"num_speakers": "2"}, InvalidRequest, "diarize"),
        ({"diarization_model": "autre"}, InvalidRequest, "diarize"),
        ({"diarize": "true", "num_speakers": "0"}, InvalidRequest, "num_speakers"),
        ({"diarize": "true", "num_speakers": "33"}, InvalidRequest, "num_speakers"),
        ({"diarize": "true", "num_speakers": "2", "max_speakers": "3"}, InvalidRequest, "max_speakers"),
        ({"diarize": "true", "min_speakers": "4", "max_speakers": "3"}, InvalidRequest, "min_speakers"),
        ({"diarize": "true", "num_speakers": "99999999999999999999"}, InvalidRequest, "num_speakers"),
        ({"url": "http://127.0.0.1/a.wav"}, UnsupportedOption, "url"),
    ],
)  # fmt: skip
def test_a_bad_option_is_refused_by_name(fields: dict[str, str], error: type[PasserelleError], field: str) -> None:
    with pytest.raises(error) as raised:
        openai(**fields)
    assert raised.value.metadata["field"] == field


@pytest.mark.parametrize(
    "names", [("{}", "{}"), ("{}[]", "{}[]"), ("{}[1]", "{}[0]"), ("{}.0", "{}.1"), ("{}[10]", "{}[9]"), ("{}[]", "{}")]
)
def test_a_list_is_read_under_all_its_names(names: tuple[str, str]) -> None:
    fields: dict[str, list[str]] = {"model": ["m"], "response_format": ["verbose_json"]}
    for name, value in zip(names, ("word", "segment"), strict=True):
        fields.setdefault(name.format("timestamp_granularities"), []).append(value)
    found = audio_options.openai_transcription(fields, LIMITS)
    assert found.config.word_timestamps and found.form.words and found.form.segments


def test_the_official_sdk_writes_what_is_read() -> None:
    """Le corps est celui du SDK lui-même, pris au moment de partir."""
    sent: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        request.read()
        sent.append(request)
        return httpx2.Response(200, json={"text": ""})

    with openai_sdk.OpenAI(
        base_url="http://passerelle/v1",
        api_key="libre",
        http_client=httpx2.Client(transport=httpx2.MockTransport(keep)),
    ) as client:
        client.audio.transcriptions.create(
            model="m",
            file=("a.wav", b"RIFF"),
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
            chunking_strategy={"type": "server_vad"},
        )
    reader = FormReader(sent[0].headers["content-type"], max_parts=64, max_field_bytes=100)
    assert b"".join(reader.feed(sent[0].content)) == b"RIFF"
    reader.finish()
    assert "chunking_strategy[type]" in reader.fields
    found = audio_options.openai_transcription(reader.fields, LIMITS)
    assert found.form.words and found.form.segments


def test_a_missing_model_or_a_field_given_twice_is_named() -> None:
    for fields, field in (({}, "model"), ({"model": ["a", "b"]}, "model")):
        with pytest.raises(InvalidRequest) as raised:
            audio_options.openai_transcription(fields, LIMITS)
        assert raised.value.metadata["field"] == field


def test_the_address_and_the_form_carry_the_same_settings() -> None:
    query = rest_pb2.TranscribeAudioRequest(model="m", encoding="pcm_s16le", sample_rate_hertz=16000, channel_count=2)
    fields = {"model": ["m"], "encoding": ["pcm_s16le"], "sample_rate_hertz": ["16000"], "channel_count": ["2"]}
    by_query = audio_options.api_transcription(query, {}, LIMITS)
    by_form = audio_options.api_transcription(rest_pb2.TranscribeAudioRequest(), fields, LIMITS)
    assert by_query == by_form
    assert by_form.config.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    diarize = rest_pb2.ProcessDiarizationRequest(min_speakers=2, response_format="rttm", embeddings=True)
    options = audio_options.api_diarization(diarize, {}, LIMITS)
    assert options.rttm and options.config.min_speakers == 2 and options.config.embeddings


@pytest.mark.parametrize(
    ("audio", "field"),
    [
        (audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE), "sample_rate_hertz"),
        (audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_ALAW, sample_rate_hertz=7999), "sample_rate_hertz"),
        (audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_ALAW, sample_rate_hertz=768000), "sample_rate_hertz"),
        (
            audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_ALAW, sample_rate_hertz=8000, channel_count=9),
            "channel_count",
        ),
        (audio_pb2.AudioFormat(sample_rate_hertz=16000), "sample_rate_hertz"),
    ],
)
def test_raw_audio_must_be_described_within_limits(audio: audio_pb2.AudioFormat, field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        audio_options.check_diarize(diarize_pb2.DiarizeConfig(audio_format=audio), LIMITS)
    assert raised.value.metadata["field"] == field


async def test_what_the_system_lacks_is_a_shortage(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "front-0", max_bytes=100, max_upload_bytes=60)
    full = SpoolFile(spool, "plein", os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(OSError, match="No space left") as caught:
        await full.write(b"a")
    assert is_shortage(caught.value)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            await spool.file().__aenter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert is_shortage(caught.value)
    gone = Spool(tmp_path / "absente", "front-0", max_bytes=100, max_upload_bytes=60)
    with pytest.raises(FileNotFoundError):
        await gone.file().__aenter__()
    assert list(tmp_path.iterdir()) == []
    spool.close()
    gone.close()


async def test_the_spool_is_bounded_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "front-0.reste").write_bytes(b"x")
    (folder / "front-1.autre").write_bytes(b"x")
    spool = Spool(folder, "front-0", max_bytes=100, max_upload_bytes=60)
    spool.clean()
    assert [p.name for p in folder.iterdir()] == ["front-1.autre"]
    async with spool.file() as first, spool.file() as second:
        await first.write(b"a" * 60)
        with pytest.raises(PayloadTooLarge) as large:
            await first.write(b"b")
        assert large.value.metadata == {"field": "file", "limit": "60", "value": "61"}
        await second.write(b"c" * 40)
        with pytest.raises(QueueFull) as full:
            await second.write(b"d")
        assert full.value.retry_after
        assert (folder / first.name).read_bytes() == b"a" * 60
        assert (folder / first.name).stat().st_mode & 0o777 == 0o600
    assert spool.used == 0
    assert [p.name for p in folder.iterdir()] == ["front-1.autre"]
    spool.close()
