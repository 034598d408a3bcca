"""Des phrases à préférer : les mêmes, par toutes les portes, jusqu'au moteur ; un moteur qui n'en lit pas les refuse."""

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2, transcribe_pb2, transcribe_pb2_grpc

from tests.fakes.engines import FakeTranscribeEngine
from tests.rpc.test_front_audio import SPOKEN, transcribing
from tests.rpc.test_front_channels import form
from tests.rpc.test_front_live import SPOKEN as LIVE
from tests.rpc.test_front_live import config, live_front
from tests.support.front_rig import answer

PHRASES = ("Diane", "Norland Park")
HINTS: dict[str, Any] = {"phrases": [" Diane ", "Norland Park"], "phrase_boost": 2.5}


class Preferring(FakeTranscribeEngine):
    """Lit des phrases et leur poids."""

    features = FakeTranscribeEngine.features | {"phrases", "phrase_boost"}

    @property
    def asked(self) -> set[tuple[tuple[str, ...], float | None]]:
        """Ce qu'il a reçu."""
        return {(one.options.phrases, one.options.phrase_boost) for batch in self.batches for one in batch}


async def test_a_file_brings_its_phrases_by_every_door(tmp_path: Path) -> None:
    engine = Preferring()
    async with transcribing(tmp_path, engine=engine) as rig:
        fields = {"phrases[0]": "Diane", "phrases[1]": "Norland Park", "phrase_boost": "2.5"}
        assert (await form(rig, SPOKEN, **fields))[0] == 200
        body = HttpBody(content_type="audio/wav", data=SPOKEN)
        query = rest_pb2.TranscribeAudioRequest(body=body, **HINTS)
        assert (await answer(rig.rest.TranscribeAudio(iter([query]))))[0] == 200
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        await stub.Transcribe(
            transcribe_pb2.TranscribeRequest(config=transcribe_pb2.TranscribeConfig(**HINTS), audio=SPOKEN)
        )
        assert len(engine.batches) >= 3 and engine.asked == {(PHRASES, 2.5)}


async def test_a_live_stream_brings_its_phrases(tmp_path: Path) -> None:
    engine = Preferring()
    async with live_front(tmp_path, engine=engine) as live:
        requests = [config(common=HINTS), transcribe_pb2.StreamTranscribeRequest(audio=LIVE)]
        async for _ in live.stub.StreamTranscribe(iter(requests)):
            pass
        assert engine.batches and engine.asked == {(PHRASES, 2.5)}


@pytest.mark.parametrize("field", ["prompt", "phrases"])
async def test_an_engine_that_reads_none_refuses_them_by_name(tmp_path: Path, field: str) -> None:
    value: Any = ["Diane"] if field == "phrases" else "Diane"
    async with transcribing(tmp_path) as rig:
        code, data = await form(rig, SPOKEN, **{field: "Diane"})
        assert code == 400 and f'"{field}"'.encode() in data, data
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        config = transcribe_pb2.TranscribeConfig(**{field: value})
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=SPOKEN))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT and field in str(refused.value.details())
