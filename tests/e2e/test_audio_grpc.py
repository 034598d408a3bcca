"""Transcription et diarisation de fichiers par les stubs typés."""

import re
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from passerelle.v1 import audio_pb2, diarize_pb2, diarize_pb2_grpc, transcribe_pb2, transcribe_pb2_grpc

from server.rpc.status import from_rpc_error
from tests.support import audio_files
from tests.support.product import ROOT, Product, wait_until

SPEECH = audio_files.wav(audio_files.speech())
DIALOGUE = audio_files.dialogue()[0].read_bytes()
Upload = transcribe_pb2.UploadTranscribeRequest
UploadTurns = diarize_pb2.UploadDiarizeRequest


@pytest.fixture
async def channel(product: Product) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(product.target) as found:
        yield found


def chunks(data: bytes, size: int = 50_000) -> Iterator[bytes]:
    """Morceaux d'un fichier."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_one_message_and_many_give_the_same(channel: grpc.aio.Channel) -> None:
    stub = transcribe_pb2_grpc.TranscribeServiceStub(channel)
    config = transcribe_pb2.TranscribeConfig(word_timestamps=True)
    whole = await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=SPEECH))
    assert "Dashwood" in whole.text and whole.model == "canary" and whole.language == "en"
    assert whole.coverage.received_duration == whole.coverage.covered_duration == whole.duration

    async def upload() -> AsyncIterator[Upload]:
        yield Upload(config=config)
        for chunk in chunks(SPEECH):
            yield Upload(chunk=chunk)

    events = [event async for event in stub.UploadTranscribe(upload())]
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "progress" and kinds[-1] == "result" and kinds.count("result") == 1
    assert events[-1].result.text == whole.text
    assert [e.segment for e in events if e.HasField("segment")] == list(events[-1].result.segments)


async def test_raw_audio_and_speakers(channel: grpc.aio.Channel) -> None:
    stub = transcribe_pb2_grpc.TranscribeServiceStub(channel)
    raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=16000)
    config = transcribe_pb2.TranscribeConfig(
        model="whisper-1", audio_format=raw, diarization=diarize_pb2.DiarizeConfig(num_speakers=1)
    )
    found = await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=SPEECH[44:]))
    assert {w.speaker_label for s in found.segments for w in s.words} == {"SPEAKER_00"}
    assert [s.speaker_label for s in found.speakers] == ["SPEAKER_00"]


async def test_diarization_reports_its_stages(channel: grpc.aio.Channel) -> None:
    stub = diarize_pb2_grpc.DiarizeServiceStub(channel)

    async def upload() -> AsyncIterator[UploadTurns]:
        yield UploadTurns(config=diarize_pb2.DiarizeConfig(max_speakers=2))
        for chunk in chunks(DIALOGUE):
            yield UploadTurns(chunk=chunk)

    events = [event async for event in stub.UploadDiarize(upload())]
    assert {"decoding", "segmentation"} <= {e.progress.stage for e in events if e.HasField("progress")}
    assert len(events[-1].result.speakers) == 2
    whole = await stub.Diarize(diarize_pb2.DiarizeRequest(audio=DIALOGUE))
    assert list(whole.turns) == list(events[-1].result.turns)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([Upload(chunk=b"RIFF")], "AUDIO_CONFIG_EXPECTED"),
        ([], "AUDIO_CONFIG_EXPECTED"),
        ([Upload(config={}), Upload(config={})], "AUDIO_CONFIG_EXPECTED"),
        ([Upload(config={}), Upload(chunk=b"")], "INVALID_REQUEST"),
        ([Upload(config={})], "INVALID_AUDIO"),
        ([Upload(config={"model": "absent"}), Upload(chunk=SPEECH)], "MODEL_NOT_FOUND"),
        ([Upload(config={"temperature": float("nan")}), Upload(chunk=SPEECH)], "INVALID_REQUEST"),
        ([Upload(config={"language": "xx"}), Upload(chunk=SPEECH)], "UNSUPPORTED_OPTION"),
        ([Upload(config={}), Upload(chunk=b"rien d'audible")], "INVALID_AUDIO"),
    ],
)
async def test_a_bad_upload_is_a_clear_error(channel: grpc.aio.Channel, messages: list[Upload], reason: str) -> None:
    stub = transcribe_pb2_grpc.TranscribeServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _event in stub.UploadTranscribe(iter(messages)):
            pass
    error = from_rpc_error(raised.value)
    assert error is not None and error.reason == reason and error.message


async def test_cancelling_frees_the_engine_and_the_spool(product: Product, channel: grpc.aio.Channel) -> None:
    stub = diarize_pb2_grpc.DiarizeServiceStub(channel)
    call = stub.UploadDiarize(iter([UploadTurns(config={}), UploadTurns(chunk=DIALOGUE)]))
    async for event in call:
        if event.progress.stage in ("segmentation", "embeddings"):
            break
    call.cancel()
    spool = product.run_dir / "spool"
    wait_until(lambda: not list(spool.iterdir()), 60, "réserve vide")
    again = await stub.Diarize(diarize_pb2.DiarizeRequest(audio=DIALOGUE), timeout=120)
    assert len(again.speakers) == 2


def test_the_minutes_of_a_meeting(product: Product, tmp_path: Path) -> None:
    """L'exemple lui-même : quelques secondes d'un dialogue, et la forme du compte rendu d'un petit modèle."""
    recording = tmp_path / "réunion.wav"
    with wave.open(str(audio_files.dialogue()[0])) as whole, wave.open(str(recording), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(whole.getframerate() * 9))
    command = [
        sys.executable,
        str(ROOT / "examples" / "compte_rendu.py"),
        product.target,
        str(recording),
        "--jetons",
        "250",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    head, *sections = done.stdout.split("\n## ")
    assert head.startswith("# Compte rendu : réunion.wav") and "démonstration" in head
    assert [section.partition("\n")[0] for section in sections] == ["Résumé", "Décisions", "Actions", "Transcription"]
    points = re.findall(r"^- .+ \((.+)\)$", sections[0], re.MULTILINE)
    # Une réponse coupée ne laisse aucun point, et le dit.
    assert points or "laissée sans point" in done.stderr
    assert all(re.fullmatch(r"\d:\d\d:\d\d–\d:\d\d:\d\d(, .+)?", point) for point in points), sections[0]
    assert "**SPEAKER_0" in sections[-1] and "recognition : " in done.stderr
