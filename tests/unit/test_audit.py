"""Le registre : une ligne par appel qui change l'état, refus compris ; jamais un secret, jamais récrit, borné."""

import dataclasses
import errno
import json
import math
import os
import stat
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from click.testing import CliRunner
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct, Value
from passerelle.v1 import admin_pb2_grpc, keys_pb2, log_level_pb2, model_verbs_pb2, operation_pb2, route_pb2, usage_pb2
from prometheus_client import CollectorRegistry

from server.cli.app import cli
from server.cli.audit import _coming, _settings
from server.control.record.audit import NAME, AuditLog, AuditSettings, kept
from server.control.services.admin import AdminService
from server.control.services.audited import ended, in_force, looker, tell_settings
from server.control.services.log_level import LogLevels
from server.domain import Limits
from server.errors import QueueFull
from server.named_keys import new_id, new_value
from server.rpc.audit import Auditor
from server.rpc.auth import Guard
from server.rpc.caller import ADDRESS_HEADER
from server.rpc.contract import AUDITED, METHODS, POLICY, options_of, path_of
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from server.rpc.notes import REFUSALS
from tests.support.models_rig import Rig, make
from tests.support.named_keys import issued
from tests.support.waiting import until, wait_until
from tests.unit.test_gpu_admin import service_of

KEY = (("authorization", "Bearer cle-admin"), ("x-request-id", "essai-1"), (ADDRESS_HEADER, "2001:db8::7"))
CHANGING = sorted(AUDITED)
Lines = list[dict[str, Any]]


def lines_of(folder: Path) -> Lines:
    path = folder / NAME
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def told(folder: Path, count: int) -> Lines:
    """Attend des lignes : celle d'un échec suit la réponse de peu."""
    await until(lambda: len((folder / NAME).read_bytes().splitlines()) >= count if (folder / NAME).exists() else False)
    return lines_of(folder)


async def _unwritten(_entry: dict[str, Any]) -> None:
    """Registre qui ne garde rien."""


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[AuditLog]:
    made = AuditLog(AuditSettings(tmp_path, secrets=("cle-admin", "abc")))
    yield made
    await made.aclose()


@asynccontextmanager
async def served(auditor: Auditor, *services: Any) -> AsyncIterator[grpc.aio.Channel]:
    guard = Guard(("cle",), ("cle-admin",))
    server = grpc.aio.server(interceptors=[ServiceInterceptor(guard, RpcMetrics(CollectorRegistry()), audit=auditor)])
    for add in services:
        add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)


def every_method(behavior: Any) -> Any:
    """Le contrat entier, dont chaque méthode fait `behavior`."""

    def handler(method: MethodDescriptor) -> Any:
        async def streamed(request: Any, context: Any) -> AsyncIterator[Any]:
            yield await behavior(method)

        async def single(request: Any, context: Any) -> Any:
            return await behavior(method)

        kinds = {
            (False, False): (grpc.unary_unary_rpc_method_handler, single),
            (False, True): (grpc.unary_stream_rpc_method_handler, streamed),
            (True, False): (grpc.stream_unary_rpc_method_handler, single),
            (True, True): (grpc.stream_stream_rpc_method_handler, streamed),
        }
        make_handler, function = kinds[method.client_streaming, method.server_streaming]
        takes, gives = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        return make_handler(function, takes.FromString, gives.SerializeToString)

    def add(server: Any) -> None:
        for service in {method.containing_service for method in METHODS.values()}:
            found = {method.name: handler(method) for method in service.methods}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, found),))

    return add


async def call(channel: Any, method: MethodDescriptor, metadata: Any = KEY) -> grpc.StatusCode:
    asked = GetMessageClass(method.input_type)().SerializeToString()
    multi = getattr(
        channel,
        f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}",
    )(path_of(method))
    made = multi(iter([asked]) if method.client_streaming else asked, metadata=metadata)
    try:
        if method.server_streaming:
            async for _ in made:
                pass
        else:
            await made
    except grpc.aio.AioRpcError:
        pass
    code: grpc.StatusCode = await made.code()
    return code


def test_a_verb_of_administration_is_audited_unless_the_contract_says_it_only_reads() -> None:
    scopes = {path: options_of(method).scope for path, method in METHODS.items()}
    admin = {path for path, scope in scopes.items() if scope in (route_pb2.SCOPE_ADMIN, route_pb2.SCOPE_KEYS)}
    assert {path.rpartition("/")[2] for path in admin - AUDITED} == {
        "StreamLogs",
        "GetUsage",
        "ExportUsage",
        "ListKeys",
    }
    assert admin >= AUDITED and len(AUDITED) >= 7
    # Une méthode qui ne dirait rien d'elle est tenue pour un verbe d'administration : chacune dit donc sa portée.
    assert route_pb2.SCOPE_UNSPECIFIED not in {POLICY[path] for path in METHODS}


@pytest.mark.parametrize("method", [METHODS[path] for path in CHANGING], ids=lambda one: one.name)
async def test_every_call_that_changes_something_has_its_line(log: AuditLog, tmp_path: Path, method: Any) -> None:
    async def done(found: MethodDescriptor) -> Any:
        return GetMessageClass(found.output_type)()

    async def failed(_found: MethodDescriptor) -> Any:
        raise QueueFull("La file est pleine.")

    async def crashed(_found: MethodDescriptor) -> Any:
        raise RuntimeError("imprévu")

    auditor = Auditor(log.append, lambda _message: {"state": "VU"})
    seen: Lines = []
    for behavior, metadata, outcome in (
        (done, KEY, ("OK", "")),
        (failed, KEY, ("RESOURCE_EXHAUSTED", "QUEUE_FULL")),
        (crashed, KEY, ("INTERNAL", "INTERNAL")),
        (done, KEY[1:], ("UNAUTHENTICATED", "MISSING_API_KEY")),
        (done, (("authorization", "Bearer fausse"), *KEY[1:]), ("UNAUTHENTICATED", "INVALID_API_KEY")),
        (done, (("authorization", "Bearer cle"), *KEY[1:]), ("PERMISSION_DENIED", "SCOPE_NOT_ALLOWED")),
        (done, (*KEY, ("origin", "https://ailleurs.exemple")), ("PERMISSION_DENIED", "FOREIGN_ORIGIN")),
    ):
        async with served(auditor, every_method(behavior)) as channel:
            code = await call(channel, method, metadata)
            await told(tmp_path, len(seen) + 1)
        await log.append({"action": "fin"})
        *new, _end = lines_of(tmp_path)[len(seen) :]
        seen += [*new, _end]
        [line] = new
        assert (line["outcome"], line["reason"]) == outcome and code.name == outcome[0]
        assert line["action"] == f"{method.containing_service.name}.{method.name}"
        assert (line["request_id"], line["who"]["address"]) == ("essai-1", "2001:db8::7") and line["time"]
        read = outcome[0] not in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        who = "k1" if read else "k0" if outcome[1] == "SCOPE_NOT_ALLOWED" else ""
        assert line["who"]["caller"] == who and ("before" in line) is read
        assert line.get("after") == ({"state": "VU"} if read else None)


@pytest.mark.parametrize("method", [METHODS[path] for path in METHODS if path not in AUDITED], ids=lambda one: one.name)
async def test_what_only_reads_has_none(method: MethodDescriptor) -> None:
    told: Lines = []

    async def write(entry: dict[str, Any]) -> None:
        told.append(entry)

    async def done(found: MethodDescriptor) -> Any:
        return GetMessageClass(found.output_type)()

    async with served(Auditor(write, lambda _message: None), every_method(done)) as channel:
        await call(channel, method)
        await call(channel, method, ())
    assert told == []


@pytest.mark.parametrize(
    "message",
    [
        model_verbs_pb2.LoadModelRequest(model="m", idle_unload=Duration(seconds=2**63 - 1)),
        model_verbs_pb2.LoadModelRequest(model="m", options=Struct(fields={"a": Value(number_value=math.nan)})),
        model_verbs_pb2.LoadModelRequest(model="m", options=Struct(fields={"a": Value()})),
    ],
    ids=["durée", "nan", "valeur vide"],
)
async def test_what_json_cannot_say_does_not_fail_the_call(message: Any) -> None:
    begun = Auditor(_unwritten, lambda _message: None).began(message)
    assert begun["request"] and json.loads(json.dumps(begun, allow_nan=False)) == begun


async def test_a_flood_of_refusals_does_not_drive_out_the_rest() -> None:
    told: Lines = []
    now = [0.0]

    async def write(entry: dict[str, Any]) -> None:
        told.append(entry)

    auditor = Auditor(write, lambda _message: None, clock=lambda: now[0])

    async def tell(begun: dict[str, Any] | None) -> None:
        written = auditor.ended("/passerelle.v1.AdminService/LoadModel", (), begun, None, None, {"outcome": "X"})
        if written is not None:
            await written

    for _ in range(10_000):
        await tell(None)
    assert len(told) == REFUSALS
    await tell({"request": {}})
    assert told[-1]["untold_refusals"] == 10_000 - REFUSALS
    now[0] += 25.0
    for _ in range(5):
        await tell(None)
    assert len(told) == REFUSALS + 1 + 2


@pytest.fixture
async def rig(tmp_path: Path) -> Any:
    made = await make(tmp_path, 2)
    yield made
    await made.aclose()


async def test_a_change_of_log_level_says_what_was_and_what_is(rig: Rig, log: AuditLog, tmp_path: Path) -> None:
    levels = LogLevels(tmp_path, "INFO")
    auditor = Auditor(log.append, looker(rig.models, levels))

    def add(server: Any) -> None:
        facts = dataclasses.replace(service_of(rig)._facts, levels=levels)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(rig.models, rig.journal, facts), server)

    async with served(auditor, add) as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        asked = log_level_pb2.SetLogLevelRequest(level=log_level_pb2.LOG_LEVEL_ERROR)
        assert (await stub.SetLogLevel(asked, metadata=KEY)).level == log_level_pb2.LOG_LEVEL_ERROR
        found = await stub.GetLogLevel(log_level_pb2.GetLogLevelRequest(), metadata=KEY)
        assert (found.level, found.configured) == (log_level_pb2.LOG_LEVEL_ERROR, log_level_pb2.LOG_LEVEL_INFO)
        back = await stub.SetLogLevel(log_level_pb2.SetLogLevelRequest(), metadata=KEY)
        assert back.level == log_level_pb2.LOG_LEVEL_INFO and not list(tmp_path.glob("log-level*"))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.SetLogLevel(log_level_pb2.SetLogLevelRequest.FromString(b"\x08\x09"), metadata=KEY)
    first, second, refused = await told(tmp_path, 3)
    assert (first["action"], first["before"]["log_level"]) == ("AdminService.SetLogLevel", "INFO")
    assert (first["after"]["log_level"], second["before"]["log_level"]) == ("ERROR", "ERROR")
    assert second["after"]["log_level"] == "INFO" and refused["reason"] == "INVALID_REQUEST"


async def test_a_load_says_what_was_what_is_and_how_it_ended(rig: Rig, log: AuditLog, tmp_path: Path) -> None:
    rig.journal.on_end = lambda operation: log.append(ended(operation))
    auditor = Auditor(log.append, looker(rig.models, LogLevels(tmp_path, "INFO")))

    def add(server: Any) -> None:
        admin_pb2_grpc.add_AdminServiceServicer_to_server(service_of(rig), server)

    async with served(auditor, add) as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        load = model_verbs_pb2.LoadModelRequest(model="a", gpus=[1], pinned=True, wait=True)
        operation = (await stub.LoadModel(load, metadata=KEY)).operation
        # La réponse suit sa ligne.
        finished, asked = lines_of(tmp_path)
        assert (asked["action"], asked["operation"], asked["outcome"]) == ("AdminService.LoadModel", operation.id, "OK")
        assert asked["request"] == {"model": "a", "gpus": [1], "pinned": True, "wait": True}
        assert (asked["before"]["state"], asked["after"]["state"]) == ("CACHED", "READY")
        assert asked["before"]["replicas"] == {} and asked["after"]["replicas"] == {"a-0": [1]}
        assert (asked["before"]["wanted"]["pinned"], asked["after"]["wanted"]["pinned"]) == (False, True)
        assert (finished["action"], finished["operation"], finished["outcome"], finished["model"]) == (
            "operation.load",
            operation.id,
            "SUCCEEDED",
            "a",
        )
        for request, method in (
            (model_verbs_pb2.LoadModelRequest(model="absent"), stub.LoadModel),
            (operation_pb2.CancelOperationRequest(operation_id="inconnue"), stub.CancelOperation),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await method(request, metadata=KEY)
        missing, unknown = (await told(tmp_path, 4))[2:]
        assert (missing["reason"], missing["before"], missing["after"]) == ("MODEL_NOT_FOUND", None, None)
        assert unknown["reason"] == "OPERATION_NOT_FOUND"
    # Ce que le serveur fait de lui-même a sa ligne, sans personne.
    await rig.model().unload().result()
    last = (await told(tmp_path, 5))[-1]
    assert last["action"] == "operation.unload" and "who" not in last


async def test_no_secret_is_ever_in_a_line(log: AuditLog, tmp_path: Path) -> None:
    await log.append(
        {
            "action": "essai",
            "request": {"hf_token": "hf_x", "options": [{"api_key": "k", "max_tokens": 3}], "model": "sk cle-admin !"},
            "after": {"models.a.options.password": "p", "authorization": "Bearer x", "keys": ["ab12"]},
        }
    )
    text = (tmp_path / NAME).read_text()
    line = json.loads(text)
    assert "cle-admin" not in text and line["request"]["model"] == "sk … !"
    assert line["request"] == {"hf_token": "…", "options": [{"api_key": "…", "max_tokens": 3}], "model": "sk … !"}
    assert line["after"] == {"models.a.options.password": "…", "authorization": "…", "keys": ["ab12"]}
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


async def test_the_label_of_a_key_is_told(log: AuditLog, tmp_path: Path) -> None:
    await log.append({"action": "UsageService.EraseUsage", "request": {"key": "k0"}})
    await log.append({"action": "KeyService.CreateKey", "key": "psl_4k7d2m9qab"})
    erased, created = lines_of(tmp_path)
    assert erased["request"] == {"key": "k0"} and created["key"] == "psl_4k7d2m9qab"


async def test_a_key_or_a_token_pasted_as_a_name_is_not_written(log: AuditLog, tmp_path: Path) -> None:
    key, token = issued("chat"), f"eyJhbGciOiJSUzI1NiJ9.{'eyJzdWIiOiJhIn0'}.c2lnbmF0dXJl"
    await log.append({"action": "essai", "request": {"id": key.value, "said": f"de {token}, et {key.value}"}})
    text = (tmp_path / NAME).read_text()
    assert key.value.removeprefix(key.key.id) not in text and token not in text
    assert json.loads(text)["request"] == {"id": f"{key.key.id}_…", "said": f"de …, et {key.key.id}_…"}


async def test_a_named_key_given_for_its_identifier_leaves_its_identifier_only(log: AuditLog, tmp_path: Path) -> None:
    identifier = new_id()
    value = new_value(identifier)
    await log.append({"action": "essai", "request": {"id": value}, "key_id": value, "after": {"said": f"« {value} »"}})
    [line] = lines_of(tmp_path)
    assert value.removeprefix(f"{identifier}_") not in (tmp_path / NAME).read_text()
    assert line["request"] == {"id": f"{identifier}_…"} and line["after"] == {"said": f"« {identifier}_… »"}


async def test_an_act_on_a_key_says_which_one(log: AuditLog, tmp_path: Path) -> None:
    auditor = Auditor(log.append, lambda _message: None)
    created = keys_pb2.CreateKeyResponse(key=keys_pb2.NamedKey(id="psl_abcdefghij"), value="psl_abcdefghij_secret")
    for method, message, response in (
        ("KeyService/CreateKey", keys_pb2.CreateKeyRequest(), created),
        ("UsageService/EraseUsage", usage_pb2.EraseUsageRequest(key="k0"), usage_pb2.EraseUsageResponse(requests=3)),
    ):
        path = f"/passerelle.v1.{method}"
        written = auditor.ended(path, (), auditor.began(message), message, response, {"outcome": "OK"})
        assert written is not None
        await written
    assert [line["key_id"] for line in lines_of(tmp_path)] == ["psl_abcdefghij", "k0"]
    env = {"PASSERELLE_STATE_DIR": str(tmp_path), "PASSERELLE_RUN_BASE": "/absent", "PASSERELLE_PROFILE": "embarque"}
    first, second = CliRunner().invoke(cli, ["audit"], env=env).stdout.splitlines()
    assert "psl_abcdefghij" in first and "k0" in second


async def test_a_line_is_bounded_and_takes_any_text(log: AuditLog, tmp_path: Path) -> None:
    await log.append({"action": "essai", "request": {"model": "x" * 100_000}, "outcome": "OK"})
    await log.append({"action": "essai", "request": {"model": "\ud800\n"}})
    long, odd = lines_of(tmp_path)
    assert long["request"] == {"cut": "plus de 16384 octets"} and long["outcome"] == "OK" and odd["action"] == "essai"


async def test_files_are_put_aside_by_size_and_by_age_then_erased(tmp_path: Path) -> None:
    now = [time.time()]
    log = AuditLog(AuditSettings(tmp_path, max_bytes=16 * 4096, days=30), clock=lambda: now[0])
    for rank in range(200):
        now[0] += 1
        await log.append({"action": "essai", "rank": rank, "text": "x" * 300})
    files = kept(tmp_path)
    assert len(files) > 10 and all(path.stat().st_size <= 4096 for path in [*files, tmp_path / NAME])
    assert sum(path.stat().st_size for path in [*files, tmp_path / NAME]) <= 16 * 4096
    ranks = [json.loads(line)["rank"] for path in [*files, tmp_path / NAME] for line in path.read_text().splitlines()]
    assert ranks == list(range(ranks[0], 200)) and ranks[0] > 0, "les plus anciennes s'en vont, rien ne manque ensuite"
    # Un jour passe, et un redémarrage : le fichier d'hier est mis de côté. Un mois : il est effacé.
    await log.aclose()
    for path in [*kept(tmp_path), tmp_path / NAME]:
        os.utime(path, (now[0], now[0]))
    now[0] += 2 * 86_400
    log = AuditLog(AuditSettings(tmp_path, max_bytes=16 * 4096, days=30), clock=lambda: now[0])
    await log.append({"action": "lendemain"})
    assert [one["action"] for one in lines_of(tmp_path)] == ["lendemain"]
    assert json.loads(kept(tmp_path)[-1].read_text().splitlines()[-1])["rank"] == 199
    os.utime(tmp_path / NAME, (now[0], now[0]))
    now[0] += 40 * 86_400
    await log.append({"action": "mois d'après"})
    assert kept(tmp_path) == []
    await log.aclose()


async def test_a_half_line_stays_alone(log: AuditLog, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"time": "2026-')
    await log.append({"action": "essai"})
    half, whole = (tmp_path / NAME).read_text().splitlines()
    assert half == '{"time": "2026-' and json.loads(whole)["action"] == "essai"


async def test_a_full_disk_holds_nobody_and_is_told(
    log: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        await log.append({"action": "perdue"})
    assert "audit_write_failed" in caplog.text
    await log.append({"action": "gardée"})
    [line] = lines_of(tmp_path)
    assert (line["action"], line["lost"]) == ("gardée", 1)


async def test_a_link_is_not_followed(log: AuditLog, tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to(tmp_path / "ailleurs")
    await log.append({"action": "essai"})
    assert not (tmp_path / "ailleurs").exists()


async def test_settings_that_changed_are_told_once_without_a_key(rig: Rig, log: AuditLog, tmp_path: Path) -> None:
    async def tell(max_n: int, *keys: str, stop_grace: float = 30.0) -> Lines:
        before = len(lines_of(tmp_path)) if (tmp_path / NAME).exists() else 0
        now = in_force(rig.models.profile, Limits(max_n=max_n), {"openai_keys": keys}, stop_grace=stop_grace)
        await tell_settings(tmp_path, now, log.append)
        return lines_of(tmp_path)[before:]

    [first] = await tell(4, "une-cle-secrete")
    assert (first["before"], first["after"]) == (None, {"profile": "essai", "models": ["a", "b", "c"]})
    assert await tell(4, "une-cle-secrete") == []
    [second] = await tell(5, "une-autre-cle", stop_grace=10.0)
    assert set(second["before"]) == {"limits.max_n", "openai_keys", "stop_grace"}
    assert (second["before"]["limits.max_n"], second["after"]["limits.max_n"]) == (4, 5)
    assert second["who"] == {"caller": "operator", "address": "local"}
    for path in tmp_path.glob("audit*"):
        assert "une-cle" not in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Any]:
    """Un registre, et la commande qui le lit."""
    (tmp_path / "audit-20260101T000000000000.jsonl").write_text(
        '{"time": "2026-01-01T00:00:00.000+00:00", "action": "operation.load", "model": "m", "outcome": "FAILED", '
        '"reason": "GPU_BUSY", "operation": "op1"}\n'
    )
    (tmp_path / NAME).write_text(
        '{"time": "2026-01-02T00:00:00.000+00:00", "action": "AdminService.LoadModel", "request": {"model": "m"}, '
        '"who": {"caller": "k0", "address": "10.0.0.5"}, "before": {"state": "CACHED"}, "after": {"state": "READY"}, '
        '"outcome": "OK", "reason": "", "request_id": "r1"}\n'
        '{"time": "2026-01-03T00:00:00.000+00:00", "action": "settings", "before": {"limits.max_n": 4}, '
        '"after": {"limits.max_n": 5}, "outcome": "OK"}\n'
        '{"coupée'
    )
    env = {"PASSERELLE_STATE_DIR": str(tmp_path), "PASSERELLE_RUN_BASE": "/absent", "PASSERELLE_PROFILE": "embarque"}
    return tmp_path, lambda *arguments: CliRunner().invoke(cli, list(arguments), env=env)


def test_the_command_reads_it(written: tuple[Path, Any]) -> None:
    _folder, run = written
    assert run("audit").stdout.splitlines() == [
        "2026-01-01 00:00:00  operation.load  m  FAILED GPU_BUSY  opération op1",
        "2026-01-02 00:00:00  AdminService.LoadModel  m  par k0 de 10.0.0.5  CACHED → READY  OK  requête r1",
        "2026-01-03 00:00:00  settings  limits.max_n : 4 → 5  OK",
    ]
    found = [json.loads(line) for line in run("audit", "-n", "2", "--json").stdout.splitlines()]
    assert [one["action"] for one in found] == ["AdminService.LoadModel", "settings"]
    assert run("--address", "gpu:8000", "audit").exit_code == 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1, "b": "x"}, {"a": 2}, ["a : 1 → 2", 'b : "x" → –']),
        ({"keys": ["a", "b"]}, {"keys": ["b", "c"]}, ['keys : -"a" +"c"']),
        ({"keys": ["a", "b"]}, {"keys": ["b", "a"]}, ["keys : autre ordre"]),
        (
            {},
            {"models.q.key": "q", "models.q.options.n": 1, "models.r.x": 1},
            ["models.q : ajouté", "models.r.x : – → 1"],
        ),
        ({"models.q.key": "q", "models.q.x": 1}, {}, ["models.q : retiré"]),
        ({"t": None}, {"t": "x" * 99}, [f't : null → "{"x" * 59}…']),
    ],
)
def test_the_command_shows_of_settings_what_changed(before: Any, after: Any, said: list[str]) -> None:
    assert list(_settings(before, after)) == said


def test_following_loses_nothing_when_a_file_is_put_aside(tmp_path: Path) -> None:
    path, seen = tmp_path / NAME, []
    path.write_text("un\n")
    held = path.open("rb")

    def follow() -> None:
        for line in _coming(path, held):
            seen.append(line)
            if line == b"fin":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    wait_until(lambda: seen == [b"un"], "première ligne")
    with path.open("a") as file:
        file.write("deux\ntro")
        file.flush()
        file.write("is\n")
    path.rename(tmp_path / "audit-1.jsonl")
    path.write_text("quatre\nfin\n")
    thread.join()
    assert seen == [b"un", b"deux", b"trois", b"quatre", b"fin"]
