"""Les locuteurs connus d'une requête, par un vrai front : leurs noms partout, leurs refus, et rien qui reste."""

import base64
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import (
    diarize_pb2,
    diarize_pb2_grpc,
    model_pb2,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

from server.domain import Limits
from server.errors import PasserelleError
from server.link.server import LinkServer
from server.rpc.status import from_rpc_error
from server.speech.voice_names import Known
from server.worker.handlers import handlers_for
from server.worker.host import WorkerHost
from tests.fakes.control import model_route
from tests.fakes.engines import FakeDiarizeEngine, FakeTranscribeEngine
from tests.rpc.test_front_live import PHRASE, config, kinds, read
from tests.rpc.test_front_live_speakers import QUIET, audio, spoken
from tests.rpc.test_requests import ended
from tests.support import audio_files
from tests.support.front_rig import MAX_FRAME, Rig, answer, front
from tests.support.journal import journal
from tests.support.waiting import until

FILE = audio_files.wav(PHRASE)
FAINT_CLIP = audio_files.wav(QUIET[:48000])
"""La fausse diarisation y reconnaît SPEAKER_00 d'un fichier, et la voix faible d'un direct."""
LOUD_CLIP = audio_files.wav(PHRASE[:48000])
NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"


@asynccontextmanager
async def naming(folder: Path, **changed: Any) -> AsyncIterator[Rig]:
    """Un front, un modèle de transcription et un de diarisation."""
    limits = Limits(load_wait_seconds=20.0, **changed)
    async with front(folder, workers=0, limits=limits) as rig:
        routes = []
        for key, engine, capability in (
            ("canary", FakeTranscribeEngine(), model_pb2.CAPABILITY_TRANSCRIBE),
            ("pyannote", FakeDiarizeEngine(), model_pb2.CAPABILITY_DIARIZE),
        ):
            handlers = handlers_for(engine, folder / "spool", limits)
            host = WorkerHost(engine, max_waiting=4, on_dead=lambda _reason: None, handlers=handlers)
            server, path = LinkServer(host, name=f"{key}-0", max_frame_bytes=MAX_FRAME), folder / f"{key}-0.sock"
            await server.start(str(path))
            rig.stack.push_async_callback(server.stop)
            routes.append(model_route(key, path, capability=capability, features=tuple(sorted(engine.features))))
        rig.control.publish(*routes)
        yield rig


def form(fields: list[tuple[str, str]], file: bytes = FILE) -> HttpBody:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    data = "".join(parts).encode() + head.encode() + file + b"\r\n--x--\r\n"
    return HttpBody(content_type="multipart/form-data; boundary=x", data=data)


def url(clip: bytes, kind: str = "audio/wav") -> str:
    return f"data:{kind};base64,{base64.b64encode(clip).decode()}"


async def openai(rig: Rig, *fields: tuple[str, str]) -> tuple[int, bytes]:
    code, _, _, data = await answer(rig.rest.CreateTranscription(iter([form([("model", "canary"), *fields])])))
    return code, data


CAMILLE = [(f"{NAMES}[]", "Camille Dû"), (f"{REFERENCES}[]", url(FAINT_CLIP))]


async def test_the_name_is_in_every_form(tmp_path: Path) -> None:
    async with naming(tmp_path) as rig:
        found = {}
        for shape in ("srt", "vtt", "rttm", "diarized_json", "verbose_json", "json"):
            code, data = await openai(rig, ("response_format", shape), ("diarize", "true"), *CAMILLE)
            assert code == 200, data
            found[shape] = data.decode()
        assert "Camille Dû : " in found["srt"] and "SPEAKER_01 : " in found["srt"]
        assert "<v Camille Dû>" in found["vtt"]
        assert {line.split()[7] for line in found["rttm"].splitlines()} == {"Camille_Dû", "SPEAKER_01"}
        for shape, unknown in (("diarized_json", "A"), ("verbose_json", "SPEAKER_01")):
            assert {one["speaker"] for one in json.loads(found[shape])["segments"]} == {"Camille Dû", unknown}
        assert "SPEAKER_00" not in "".join(found.values())


async def test_the_typed_forms_and_live_have_the_same_name(tmp_path: Path) -> None:
    known = diarize_pb2.DiarizeConfig(known_speaker_names=["Camille"], known_speaker_references=[FAINT_CLIP])
    async with naming(tmp_path) as rig:
        transcribe: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        diarize: Any = diarize_pb2_grpc.DiarizeServiceStub(rig.channel)
        asked = transcribe_pb2.TranscribeConfig(diarization=known)
        result = await transcribe.Transcribe(transcribe_pb2.TranscribeRequest(config=asked, audio=FILE))
        assert {word.speaker_label for one in result.segments for word in one.words} == {"Camille", "SPEAKER_01"}
        turns = await diarize.Diarize(diarize_pb2.DiarizeRequest(config=known, audio=FILE))
        assert {turn.speaker_label for turn in turns.turns} == {"Camille", "SPEAKER_01"}
        for one in (result, turns):
            assert [(s.speaker_label, s.unknown) for s in one.speakers] == [("Camille", False), ("SPEAKER_01", True)]
            assert all(not s.embedding for s in one.speakers)
        first = config(common={"diarization": known})
        events, error = await read(transcribe.StreamTranscribe(iter([first, *audio(PHRASE, QUIET, PHRASE)])))
        assert error is None and kinds(events)[-1] == "summary"
        labels = [set(found) for _, found in sorted(spoken(events).items())]
        assert labels == [{"SPEAKER_00"}, {"Camille"}, {"SPEAKER_00"}]
        told = {one.speaker_label: one.unknown for one in events[-1].summary.speakers}
        assert told == {"Camille": False, "SPEAKER_00": True}


SHORT, LONG = audio_files.wav(PHRASE[:16000]), audio_files.wav(np.tile(PHRASE, 4)[: 16000 * 12])
SILENT = audio_files.wav(np.zeros(48000, np.float32))


@pytest.mark.parametrize(
    ("names", "clips", "field", "limit", "value"),
    [
        (["Zoé"], [SHORT], f"{REFERENCES}[0]", "2", "1.00"),
        (["Zoé", "Yan"], [FAINT_CLIP, LONG], f"{REFERENCES}[1]", "10", "12.00"),
        (["Zoé"], [b"ceci n'est pas du son" * 50], f"{REFERENCES}[0]", None, None),
        (["Zoé"], [SILENT], f"{REFERENCES}[0]", "1", "0.00"),
        (["Zoé"], [], REFERENCES, "1", "0"),
        ([], [FAINT_CLIP], NAMES, "1", "0"),
        (["Zoé", "Yan"], [FAINT_CLIP], REFERENCES, "2", "1"),
        (["Zoé", "Zoé"], [FAINT_CLIP, LOUD_CLIP], f"{NAMES}[1]", "1", "Zoé"),
        (["Zoé", "Yan"], [FAINT_CLIP, FAINT_CLIP], f"{REFERENCES}[1]", "1", str(len(FAINT_CLIP))),
        (["Zoé"] * 5, [FAINT_CLIP] * 5, None, "4", "5"),
        (["  "], [FAINT_CLIP], f"{NAMES}[0]", None, "  "),
        (["a\nb"], [FAINT_CLIP], f"{NAMES}[0]", None, "a\nb"),
        (["SPEAKER_07"], [FAINT_CLIP], f"{NAMES}[0]", None, "SPEAKER_07"),
        (["B"], [FAINT_CLIP], f"{NAMES}[0]", None, "B"),
        (["x" * 101], [FAINT_CLIP], f"{NAMES}[0]", "100", "101"),
        (["Zoé"], [b""], f"{REFERENCES}[0]", "1", "0"),
        (["Zoé"], [b"\0" * (4 * 2**20 + 1)], f"{REFERENCES}[0]", str(4 * 2**20), str(4 * 2**20 + 1)),
    ],
)
async def test_a_bad_reference_is_refused_by_name(
    tmp_path: Path, names: list[str], clips: list[bytes], field: str | None, limit: str | None, value: str | None
) -> None:
    """Le même refus par le formulaire d'OpenAI et en gRPC, fichier et direct."""
    known = diarize_pb2.DiarizeConfig(known_speaker_names=names, known_speaker_references=clips)
    common = transcribe_pb2.TranscribeConfig(diarization=known)
    async with naming(tmp_path) as rig:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        found: list[PasserelleError | None] = []
        for call in (
            stub.Transcribe(transcribe_pb2.TranscribeRequest(config=common, audio=FILE)),
            stub.StreamTranscribe(iter([config(common={"diarization": known})])),
        ):
            try:
                await call.read() if hasattr(call, "read") else await call
            except Exception as error:
                found.append(from_rpc_error(error))  # type: ignore[arg-type]
        assert len(found) == 2
        for refused in found:
            assert refused is not None
            assert field is None or refused.metadata["field"] == field
            assert refused.metadata["field"].startswith(("known_speaker_names", "known_speaker_references"))
            assert limit is None or refused.metadata["limit"] == limit
            assert value is None or refused.metadata["value"] == value
        fields = [*((f"{NAMES}[]", name) for name in names), *((f"{REFERENCES}[]", url(clip)) for clip in clips)]
        code, data = await openai(rig, ("response_format", "diarized_json"), *fields)
        assert code == 400, data
        assert json.loads(data)["error"]["param"].startswith("known_speaker_")
        assert not list((tmp_path / "spool").iterdir())


@pytest.mark.parametrize(
    "value", ["", "https://exemple.fr/voix.wav", "data:audio/wav,brut", "data:audio/wav;base64,***"]
)
async def test_only_a_data_url_is_a_reference(tmp_path: Path, value: str) -> None:
    async with naming(tmp_path) as rig:
        fields = [("response_format", "diarized_json"), (f"{NAMES}[0]", "Zoé"), (f"{REFERENCES}[0]", value)]
        code, data = await openai(rig, *fields)
        assert code == 400 and json.loads(data)["error"]["param"] == f"{REFERENCES}[0]"


async def test_names_without_speakers_are_refused(tmp_path: Path) -> None:
    async with naming(tmp_path) as rig:
        code, data = await openai(rig, *CAMILLE)
        assert code == 400 and json.loads(data)["error"]["param"] == "diarize"


async def test_the_limits_are_settings(tmp_path: Path) -> None:
    async with naming(tmp_path, max_known_speakers=1, min_known_speaker_seconds=0.5) as rig:
        two = [(f"{NAMES}[]", "Zoé"), (f"{NAMES}[]", "Yan"), *[(f"{REFERENCES}[]", url(FAINT_CLIP))] * 2]
        code, data = await openai(rig, ("response_format", "diarized_json"), *two)
        assert code == 400 and b"known_speaker" in data
        brief = [(f"{NAMES}[]", "Zoé"), (f"{REFERENCES}[]", url(audio_files.wav(QUIET[: 16000 * 3 // 2])))]
        code, data = await openai(rig, ("response_format", "diarized_json"), *brief)
        assert code == 200, data


async def test_neither_clip_nor_print_outlives_its_request(tmp_path: Path) -> None:
    """Ni fichier, ni octets d'un extrait où que ce soit du dossier, ni empreinte dans la mémoire."""
    known = diarize_pb2.DiarizeConfig(known_speaker_names=["Camille"], known_speaker_references=[FAINT_CLIP])
    async with naming(tmp_path) as rig:
        code, _ = await openai(rig, ("response_format", "diarized_json"), *CAMILLE)
        assert code == 200
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        call = stub.StreamTranscribe()
        await call.write(config(common={"diarization": known}))
        assert (await call.read()).HasField("ready")
        assert list((tmp_path / "spool").iterdir())
        call.cancel()
        await until(lambda: not list((tmp_path / "spool").iterdir()), "extrait effacé d'un direct abandonné")
        await until(lambda: not prints(), "empreinte rendue")
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and FAINT_CLIP[4000:5000] in path.read_bytes()]
    assert not kept


async def test_no_name_reaches_the_window_the_usage_or_the_journal(tmp_path: Path) -> None:
    """Acceptée ou refusée, une requête n'y laisse ni le nom d'un locuteur, ni une phrase."""
    name = "Camille Serin"
    known = diarize_pb2.DiarizeConfig(known_speaker_names=[name], known_speaker_references=[FAINT_CLIP])
    twice = diarize_pb2.DiarizeConfig(known_speaker_names=[name] * 2, known_speaker_references=[FAINT_CLIP] * 2)
    with journal() as written:
        async with naming(tmp_path) as rig:
            stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
            for speakers, phrases in ((known, []), (twice, []), (known, [name])):
                asked = transcribe_pb2.TranscribeConfig(diarization=speakers, phrases=phrases)
                try:
                    await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=asked, audio=FILE))
                except grpc.aio.AioRpcError:
                    assert speakers is twice or phrases
            requests = await ended(rig, 3)
            assert len(requests) == 3 and "Serin" not in str(requests)
        lines = written.lines()
    assert [line["method"] for line in lines if line["event"] == "rpc_finished"]
    assert "Serin" not in written.getvalue()
    kept = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"Serin" in path.read_bytes()]
    assert not kept


def prints() -> list[Known]:
    gc.collect()
    # Par son type, et non par `isinstance` : des objets de torch se plaignent qu'on lise leur classe.
    return [one for one in gc.get_objects() if type(one) is Known]
