"""Les clés nommées devant un vrai front : chaque chemin qui mène à un modèle, et la table qui change sous lui."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import diarize_pb2, diarize_pb2_grpc, model_pb2, rest_pb2, transcribe_pb2, transcribe_pb2_grpc

from server.named_keys import KEYS, KeyTable
from server.rpc.status import codes, from_rpc_error
from tests.fakes.control import model_route
from tests.support.front_rig import Rig, answer, body, front, typed
from tests.support.named_keys import Issued, issued, save
from tests.support.waiting import until


def publish(rig: Rig) -> None:
    """Deux modèles par capacité ; ceux d'audio ne sont pas chargés : être refusé vient avant."""
    capabilities = {"canary": model_pb2.CAPABILITY_TRANSCRIBE, "pyannote": model_pb2.CAPABILITY_DIARIZE}
    audio = [model_route(name, capability=capability) for name, capability in capabilities.items()]
    rig.control.publish(rig.route(*rig.workers), *audio)


async def why(call: Any) -> str:
    """Motif du refus d'un appel typé."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if isinstance(call, grpc.aio.StreamStreamCall):
            async for _ in call:
                pass
        else:
            await call
    error = from_rpc_error(caught.value)
    assert error is not None and codes(error).grpc is caught.value.code()
    return error.reason


async def uploaded(rig: Rig, key: Issued, model: str, speakers: str = "") -> str:
    """Motif du refus d'un fichier envoyé en morceaux."""
    options = transcribe_pb2.TranscribeConfig(model=model)
    if speakers:
        options.diarization.model = speakers
    stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
    first = transcribe_pb2.UploadTranscribeRequest(config=options)
    sent = [first, transcribe_pb2.UploadTranscribeRequest(chunk=b"RIFF")]
    return await why(stub.UploadTranscribe(iter(sent), metadata=key.headers))


async def test_a_key_reaches_its_models_by_no_other_way(tmp_path: Path) -> None:
    key = issued("chat", "transcribe", models=("canary",))
    every, speech = issued("chat", "transcribe", "diarize"), issued("transcribe")
    chat_only = issued("transcribe", models=("qwen",))
    save(tmp_path / KEYS, [key, every, speech, chat_only])
    async with front(tmp_path, named=KeyTable(tmp_path / KEYS)) as rig:
        publish(rig)
        for name in ("qwen", "smollm2"):
            assert await why(rig.chat.Chat(typed(model=name), metadata=key.headers)) == "MODEL_NOT_ALLOWED"
            status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(model=name), metadata=key.headers))
            assert status == 403 and json.loads(data)["error"]["code"] == "model_not_allowed"
        assert (await rig.chat.Chat(typed(), metadata=every.headers)).choices
        _, _, _, data = await answer(rig.rest.CreateChatCompletion(body(model="absent"), metadata=key.headers))
        error = json.loads(data)["error"]
        assert error["code"] == "model_not_found" and "canary" in error["message"] and "qwen" not in error["message"]
        retrieve = rest_pb2.RetrieveOpenAiModelRequest(model="qwen")
        assert (await answer(rig.rest.RetrieveOpenAiModel(retrieve, metadata=key.headers)))[0] == 403
        listed = await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest(), metadata=key.headers))
        assert {model["id"] for model in json.loads(listed[3])["data"]} == {"canary"}
        # Sans nom, le seul modèle de la capacité.
        assert await uploaded(rig, chat_only, "") == "MODEL_NOT_ALLOWED"
        # La portée d'une transcription ne mène pas à une diarisation.
        assert await uploaded(rig, speech, "canary", "pyannote") == "SCOPE_NOT_ALLOWED"
        assert await uploaded(rig, key, "canary", "pyannote") == "SCOPE_NOT_ALLOWED"
        diarize: Any = diarize_pb2_grpc.DiarizeServiceStub(rig.channel)
        request = diarize_pb2.DiarizeRequest(audio=b"x")
        assert await why(diarize.Diarize(request, metadata=speech.headers)) == "SCOPE_NOT_ALLOWED"


async def test_a_table_that_changes_holds_from_the_next_call(tmp_path: Path) -> None:
    """Rien n'est envoyé au front : ni message, ni signal ; le plan de contrôle peut être mort."""
    path, key = tmp_path / KEYS, issued("chat")
    async with front(tmp_path, named=KeyTable(path)) as rig:
        assert (await rig.chat.Chat(typed())).choices
        await rig.stop_control()
        save(path, [key])
        assert await why(rig.chat.Chat(typed())) == "MISSING_API_KEY"
        assert (await rig.chat.Chat(typed(), metadata=key.headers)).choices
        save(path, [replace(key, key=replace(key.key, revoked_at=1.0))])
        assert await why(rig.chat.Chat(typed(), metadata=key.headers)) == "REVOKED_API_KEY"
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(HttpBody(data=b"{"), metadata=key.headers))
        assert status == 401 and json.loads(data)["error"]["code"] == "revoked_api_key"


async def test_a_call_is_logged_under_the_name_of_its_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = issued("chat")
    save(tmp_path / KEYS, [key])
    with caplog.at_level("INFO"):
        async with front(tmp_path, named=KeyTable(tmp_path / KEYS)) as rig:
            await rig.chat.Chat(typed(), metadata=key.headers)
    found = [record.__dict__ for record in caplog.records if record.message == "rpc_finished"]
    assert [call.get("key") for call in found if "ChatService" in call["method"]] == [key.key.id]
    assert key.value not in caplog.text


async def test_a_known_key_that_is_refused_is_told_by_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    status, revoked, expired = issued("status"), issued("chat", ended="revoked"), issued("chat", ended="expired")
    keys = {"SCOPE_NOT_ALLOWED": status, "REVOKED_API_KEY": revoked, "EXPIRED_API_KEY": expired}
    save(tmp_path / KEYS, keys.values())
    wrong = ("authorization", f"Bearer {status.value[:-1]}!")
    with caplog.at_level("INFO"):
        async with front(tmp_path, named=KeyTable(tmp_path / KEYS)) as rig:
            for reason, key in keys.items():
                assert await why(rig.chat.Chat(typed(), metadata=key.headers)) == reason
            assert await why(rig.chat.Chat(typed(), metadata=[wrong])) == "INVALID_API_KEY"
            await until(lambda: len(list(rig.control.window.ended())) == 4)
            window = {request.status: request.key for _, request in rig.control.window.ended()}
    names = {reason: key.key.id for reason, key in keys.items()}
    assert window == {**names, "INVALID_API_KEY": ""}
    found = [record.__dict__ for record in caplog.records if record.message == "rpc_finished"]
    assert {call["reason"]: call["key"] for call in found if call.get("key")} == names
