"""Ce qu'un résultat dit de son audio, et les canaux transcrits à part, par un vrai front et un vrai décodage."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import audio_pb2, diarize_pb2, model_pb2, rest_pb2, transcribe_pb2, transcribe_pb2_grpc
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import Wave
from server.link.inputs import RequestInput
from server.link.server import LinkServer
from server.worker.handlers import handlers_for
from server.worker.host import WorkerHost
from tests.fakes.control import model_route
from tests.fakes.engines import FakeDiarizeEngine, FakeTranscribeEngine
from tests.rpc.test_front_audio import transcribing
from tests.support import audio_files
from tests.support.front_rig import MAX_FRAME, Rig, answer, sse
from tests.support.waiting import until

SPEECH = audio_files.speech("en/austen-0880.wav")
SEPARATE = audio_pb2.AUDIO_CHANNELS_SEPARATE


def file_of(*channels: Wave) -> bytes:
    """WAV de ces canaux."""
    data = (np.stack(channels, axis=1) * 32767).astype("<i2").tobytes()
    head = bytearray(audio_files.wav(np.zeros(0, np.float32), channels=len(channels)))
    struct.pack_into("<I", head, 40, len(data))
    return bytes(head) + data


HUSH = np.zeros_like(SPEECH)
FIRST, SECOND = np.concatenate([SPEECH, HUSH]), np.concatenate([HUSH, SPEECH])
CALL = file_of(FIRST, SECOND)


async def send(rig: Rig, data: bytes, kind: str = "audio/wav", **query: Any) -> tuple[int, bytes]:
    """Code et corps de `POST /api/audio/transcribe`."""
    body = HttpBody(content_type=kind, data=data)
    code, _, _, found = await answer(
        rig.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=body, **query)]))
    )
    return code, found


async def form(rig: Rig, data: bytes, *, name: str = "a.wav", **fields: str) -> tuple[int, bytes]:
    """Code et corps de `POST /v1/audio/transcriptions`."""
    parts = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in {"model": "canary", **fields}.items()
    )
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = HttpBody(content_type="multipart/form-data; boundary=x", data=parts + head + data + b"\r\n--x--\r\n")
    code, _, _, found = await answer(rig.rest.CreateTranscription(iter([body])))
    return code, found


async def test_a_result_says_where_its_audio_comes_from_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    source = {"container": "wav", "codec": "pcm_s16le", "sample_rate_hertz": 16000}
    source |= {"channel_count": 2, "track_index": 0, "track_count": 1}
    short = bytearray(file_of(SPEECH, -SPEECH))
    struct.pack_into("<I", short, 40, 1000)
    async with transcribing(tmp_path) as rig:
        for shape in ("json", "verbose_json"):
            code, data = await send(rig, bytes(short), response_format=shape)
            assert code == 200, data
            found = json.loads(data)
            assert found["source"] == source
            assert [warning["reason"] for warning in found["warnings"]] == ["CHANNELS_CANCELLED", "LENGTH_CORRECTED"]
            assert found["warnings"][0]["ranges"] and found["warnings"][1]["metadata"]["bytes"]
            assert found["duration"] == pytest.approx(len(SPEECH) / 16000, abs=0.01)
        code, data = await send(rig, bytes(short), stream=True)
        assert len(sse(data)[-1]["result"]["warnings"]) == 2
        code, data = await send(rig, audio_files.wav(SPEECH))
        assert "warnings" not in json.loads(data)


async def test_each_channel_is_a_speaker_in_every_form(tmp_path: Path) -> None:
    async with transcribing(tmp_path) as rig:
        code, data = await send(rig, CALL, channels="separate", word_timestamps=True)
        assert code == 200, data
        found = json.loads(data)
        starts = [segment["start"] for segment in found["segments"]]
        assert starts == sorted(starts) and [s["index"] for s in found["segments"]] == list(range(len(starts)))
        assert {segment["speaker"] for segment in found["segments"]} == {"CHANNEL_1", "CHANNEL_2"}
        half = len(SPEECH) / 16000
        for segment in found["segments"]:
            assert (segment["start"] < half - 0.3) is (segment["speaker"] == "CHANNEL_1")
            assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}
        assert found["text"] == " ".join(segment["text"] for segment in found["segments"])
        assert [speaker["speaker"] for speaker in found["speakers"]] == ["CHANNEL_1", "CHANNEL_2"]
        coverage = found["coverage"]
        assert coverage["received_seconds"] == coverage["covered_seconds"] == pytest.approx(2 * half, abs=0.01)
        assert coverage["speech_seconds"] == pytest.approx(2 * found["speakers"][0]["speech_seconds"], rel=0.1)
        assert found["source"]["channel_count"] == 2
        code, data = await form(rig, CALL, channels="separate", response_format="srt")
        assert code == 200 and b"CHANNEL_1 : mot0" in data and b"CHANNEL_2 : mot0" in data
        code, data = await form(rig, CALL, channels="separate", response_format="vtt")
        assert code == 200 and b"<v CHANNEL_2>" in data
        code, data = await form(rig, CALL, channels="separate", response_format="rttm")
        lines = [line.split() for line in data.decode().splitlines()]
        assert [(line[2], line[7]) for line in lines] == [("1", "CHANNEL_1"), ("2", "CHANNEL_2")], lines
        code, data = await form(rig, CALL, channels="separate", response_format="diarized_json")
        assert code == 200 and {segment["speaker"] for segment in json.loads(data)["segments"]} == {"A", "B"}
        code, data = await form(rig, CALL, channels="separate", response_format="verbose_json")
        assert {segment["speaker"] for segment in json.loads(data)["segments"]} == {"CHANNEL_1", "CHANNEL_2"}
        code, data = await send(rig, CALL, channels="separate", stream=True)
        events = sse(data)
        segments = [event["segment"] for event in events if event["type"] == "segment"]
        assert events[-1]["type"] == "result" and segments == events[-1]["result"]["segments"]
        # Chacun est parti d'avance, dès que son canal l'a dit ; les événements d'OpenAI gardent l'ordre du texte.
        drafts = [event["segment"] for event in events if event["type"] == "draft"]
        told = [sorted((one["speaker"], one["start"], one["text"]) for one in some) for some in (drafts, segments)]
        assert told[0] == told[1] and told[0]
        code, data = await form(rig, CALL, channels="separate", stream="true")
        *events, done = sse(data)
        assert (
            done == "[DONE]"
            and "".join(event.get("delta", "") for event in events) == events[-1]["text"] == found["text"]
        )
        stub = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        config = transcribe_pb2.TranscribeConfig(channels=SEPARATE)
        typed = await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=CALL))
        assert {segment.speaker_label for segment in typed.segments} == {"CHANNEL_1", "CHANNEL_2"}
        assert not list((tmp_path / "spool").iterdir())


async def test_what_channels_apart_cannot_do_is_refused_by_name(tmp_path: Path) -> None:
    async with transcribing(tmp_path, max_separate_channels=2, max_audio_seconds=len(SECOND) / 16000 * 2.5) as rig:
        for query, field in (
            ({"channels": "separate", "diarize": True}, b"channels"),
            ({"channels": "both"}, b"channels"),
        ):
            code, data = await send(rig, CALL, **query)
            assert code == 400 and field in data, data
        code, data = await send(rig, file_of(FIRST, SECOND, SECOND), channels="separate")
        assert code == 400 and json.loads(data)["error"]["metadata"]["limit"] == "2", data
        code, data = await send(rig, file_of(np.tile(FIRST, 2), np.tile(SECOND, 2)), channels="separate")
        assert code == 400 and b"max_audio_seconds" not in data and b"tous canaux compris" in data
        code, data = await send(rig, file_of(np.tile(FIRST, 2), np.tile(SECOND, 2)))
        assert code == 200, data
        assert not list((tmp_path / "spool").iterdir())


async def test_one_channel_apart_is_the_same_as_mixed(tmp_path: Path) -> None:
    async with transcribing(tmp_path) as rig:
        found = [
            json.loads((await send(rig, audio_files.wav(SPEECH), channels=kind))[1]) for kind in ("mixed", "separate")
        ]
        assert found[0]["text"] == found[1]["text"]
        assert found[0]["duration"] == found[1]["duration"]


async def test_a_channel_that_fails_ends_the_others(tmp_path: Path) -> None:
    bad = FIRST.copy()
    async with transcribing(tmp_path) as rig:
        data = bytearray(audio_files.wav(np.stack([bad, SECOND], axis=1).reshape(-1), kind="f32"))
        struct.pack_into("<HIIHH", data, 22, 2, 16000, 128000, 8, 32)
        struct.pack_into("<f", data, len(data) - 4000, float("nan"))
        code, found = await send(rig, bytes(data), channels="separate")
        assert code == 400 and b"nombres finis" in found
        assert not list((tmp_path / "spool").iterdir())


@asynccontextmanager
async def with_speakers(
    folder: Path,
    asked: list[link_pb2.Submit],
    *,
    engine: FakeDiarizeEngine | None = None,
    transcriber: FakeTranscribeEngine | None = None,
    **changed: Any,
) -> AsyncIterator[Rig]:
    """Un front, un modèle de transcription et un de diarisation ; `asked` retient ce que celui-ci reçoit."""
    limits = Limits(load_wait_seconds=20.0, **changed)
    async with transcribing(folder, engine=transcriber, **changed) as rig:
        engine, path = engine or FakeDiarizeEngine(), folder / "pyannote-0.sock"
        (kind, handler), *_ = handlers_for(engine, folder / "spool", limits).items()

        async def noted(request: link_pb2.Submit, inputs: RequestInput | None) -> AsyncGenerator[bytes, None]:
            asked.append(request)
            async with aclosing(handler(request, inputs)) as events:
                async for event in events:
                    yield event

        host = WorkerHost(engine, max_waiting=4, on_dead=lambda _reason: None, handlers={kind: noted})
        server = LinkServer(host, name="pyannote-0", max_frame_bytes=MAX_FRAME)
        await server.start(str(path))
        rig.stack.push_async_callback(server.stop)
        rig.control.publish(
            model_route(
                "canary",
                folder / "canary-0.sock",
                capability=model_pb2.CAPABILITY_TRANSCRIBE,
                features=tuple(sorted(FakeTranscribeEngine.features)),
            ),
            model_route(
                "pyannote", path, capability=model_pb2.CAPABILITY_DIARIZE, features=tuple(sorted(engine.features))
            ),
        )
        yield rig


async def test_one_of_several_speaker_models_is_named(tmp_path: Path) -> None:
    asked: list[link_pb2.Submit] = []
    async with with_speakers(tmp_path, asked) as rig:
        kinds = {"canary": model_pb2.CAPABILITY_TRANSCRIBE, "pyannote": model_pb2.CAPABILITY_DIARIZE}
        kinds["autre"] = model_pb2.CAPABILITY_DIARIZE
        features = tuple(sorted(FakeTranscribeEngine.features))
        rig.control.publish(
            *(
                model_route(key, tmp_path / f"{key}-0.sock", capability=kind, features=features)
                for key, kind in kinds.items()
            )
        )
        while (found := await send(rig, file_of(SPEECH), diarize=True))[0] == 200:
            await asyncio.sleep(0.005)
        code, data = found
        assert code == 400 and b"diarization_model" in data and b"pyannote, autre" in data, data
        asked.clear()
        code, data = await send(rig, file_of(SPEECH), diarize=True, diarization_model="canary")
        assert code == 400 and not asked, data
        code, data = await send(rig, file_of(SPEECH), diarize=True, diarization_model="pyannote")
        assert code == 200 and len(asked) == 1, data


@pytest.mark.parametrize("stream", [False, True])
async def test_speakers_are_found_on_the_wave_decoded_once(tmp_path: Path, stream: bool) -> None:
    asked: list[link_pb2.Submit] = []
    async with with_speakers(tmp_path, asked) as rig:
        short = bytearray(file_of(SPEECH, -SPEECH))
        struct.pack_into("<I", short, 40, 1000)
        code, data = await send(rig, bytes(short), diarize=True, stream=stream)
        assert code == 200, data
        found = sse(data)[-1]["result"] if stream else json.loads(data)
        assert {segment["speaker"] for segment in found["segments"]} == {"SPEAKER_00", "SPEAKER_01"}
        assert [warning["reason"] for warning in found["warnings"]] == ["CHANNELS_CANCELLED", "LENGTH_CORRECTED"]
        assert found["source"]["channel_count"] == 2
        (request,) = asked
        code, lines = await send(rig, bytes(short), response_format="rttm")
        assert code == 200 and {line.split()[7] for line in lines.decode().splitlines()} == {"SPEAKER_00", "SPEAKER_01"}
        config = diarize_pb2.DiarizeConfig.FromString(request.payload)
        assert request.spool_name.endswith(".onde")
        assert config.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_F32LE
        assert b"decoded" not in data
        assert not list((tmp_path / "spool").iterdir())


async def test_the_decoded_wave_counts_in_the_spool(tmp_path: Path) -> None:
    asked: list[link_pb2.Submit] = []
    compressed = audio_files.encoded(SPEECH, "ogg", "libopus", rate=48000, b="12000")
    async with with_speakers(tmp_path, asked, max_spool_bytes=100_000) as rig:
        assert len(compressed) < 50_000
        code, data = await send(rig, compressed, diarize=True)
        assert code == 429 and b"100000" in data and not asked
        code, data = await send(rig, compressed)
        assert code == 200, data
        assert not list((tmp_path / "spool").iterdir())


async def test_a_file_that_cannot_be_decoded_asks_nothing_of_the_second_model(tmp_path: Path) -> None:
    asked: list[link_pb2.Submit] = []
    async with with_speakers(tmp_path, asked) as rig:
        code, data = await send(rig, b"ni tete ni queue" * 100, diarize=True)
        assert code == 400 and b"INVALID_AUDIO" in data and not asked
        assert not list((tmp_path / "spool").iterdir())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("audio/G722", "a"), ("audio/x-g722;rate=16000", "a.bin"), ("application/octet-stream", "a.G722")],
)
async def test_a_declared_kind_serves_when_the_bytes_say_nothing(tmp_path: Path, kind: str, name: str) -> None:
    raw = audio_files.encoded(SPEECH, "g722", "g722")
    async with transcribing(tmp_path) as rig:
        if name == "a.G722":
            code, data = await form(rig, raw, name=name, response_format="verbose_json")
        else:
            code, data = await send(rig, raw, kind)
        assert code == 200, data
        assert json.loads(data)["source"]["codec"] == "g722"
        code, data = await send(rig, raw, encoding="g722")
        assert code == 200 and json.loads(data)["duration"] == pytest.approx(len(SPEECH) / 16000, abs=0.01)
        code, data = await send(rig, raw, encoding="g722", sample_rate_hertz=8000)
        assert code == 400 and b"sample_rate_hertz" in data
        code, data = await send(rig, raw)
        assert code == 400 and b"INVALID_AUDIO" in data
        # Les octets l'emportent.
        code, data = await send(rig, audio_files.wav(SPEECH), "audio/G722")
        assert code == 200 and json.loads(data)["source"]["container"] == "wav"


@pytest.mark.parametrize(
    "config",
    [
        transcribe_pb2.TranscribeConfig(audio_format={"encoding": audio_pb2.AUDIO_ENCODING_G722}),
        transcribe_pb2.TranscribeConfig(
            audio_format={"encoding": audio_pb2.AUDIO_ENCODING_ALAW, "sample_rate_hertz": 8000}, channels=SEPARATE
        ),
    ],
)
async def test_live_audio_refuses_what_only_a_file_can_be(tmp_path: Path, config: Any) -> None:
    async with transcribing(tmp_path) as rig:
        stub = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        first = transcribe_pb2.StreamTranscribeRequest(config={"config": config})
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.StreamTranscribe(iter([first])).read()
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_request_given_up_leaves_nothing(tmp_path: Path) -> None:
    asked: list[link_pb2.Submit] = []
    long = file_of(np.tile(FIRST, 20), np.tile(SECOND, 20))
    async with with_speakers(tmp_path, asked) as rig:
        stub = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        for config in (
            transcribe_pb2.TranscribeConfig(channels=SEPARATE),
            transcribe_pb2.TranscribeConfig(diarization=diarize_pb2.DiarizeConfig()),
        ):
            for wait in (0.0, 0.02, 0.1, 0.3):
                call = stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=long))
                await asyncio.sleep(wait)
                call.cancel()
        await until(lambda: not list((tmp_path / "spool").iterdir()), "la réserve est vide")
