"""Ce que `/metrics` expose : chaque famille a sa ligne dans la page, et compte ce qu'elle dit."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from passerelle.v1 import requests_pb2
from prometheus_client import CollectorRegistry

from server.control.measures import envoy, machine, models, replicas
from server.control.measures.keys import KeyLabels
from server.control.measures.operations import OperationMeasures
from server.control.measures.page import SERVER
from server.control.measures.requests import RequestMeasures
from server.control.record.operations import Operation, OperationKind, OperationState
from server.front.metrics import FrontMetrics
from server.rpc.metrics import RpcMetrics, expose
from server.rpc.trace_relay import TraceRelay
from server.rpc.traces import Traces, TraceSettings
from tests.support.product import free_port

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = (
    *SERVER,
    *models.FAMILIES,
    *machine.GPUS,
    *machine.HOST,
    *machine.PROCESSES,
    *envoy.FAMILIES,
    *replicas.VALUES,
    *replicas.SPREADS,
)


def exposed() -> set[str]:
    registry = CollectorRegistry()
    Traces(TraceSettings(f"127.0.0.1:{free_port()}", 1.0, 64, "front-0"), registry).close()
    TraceRelay("127.0.0.1:0", 64, registry)
    FrontMetrics(registry)
    RpcMetrics(registry)
    RequestMeasures(registry, KeyLabels(1))
    OperationMeasures(registry)
    counted = {
        f"{found.name}_total" if found.type == "counter" else found.name
        for found in registry.collect()
        if found.name.startswith("passerelle_")
    }
    return counted | {family.name for family in FAMILIES}


def test_every_measure_has_its_row_and_every_row_its_measure() -> None:
    page = (ROOT / "docs" / "supervision.md").read_text(encoding="utf-8").split("## Les mesures", 1)[1]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `passerelle_")]
    listed = [name for row in rows for name in re.findall(r"`(passerelle_\w+)`", row)]
    assert sorted(listed) == sorted(exposed())


def test_no_measure_of_the_code_is_forgotten_here() -> None:
    """Une famille née ailleurs que dans les registres d'`exposed` n'aurait ni ligne, ni panneau, sans que rien le dise."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "server").rglob("*.py"))
    # `passerelle_` est aussi le début d'une fonction de C, d'un dossier : une mesure se nomme dans sa propre chaîne.
    named = re.findall(r'(?:Counter|Gauge|Histogram|counter|histogram|Family)\(\s*"(passerelle_\w+)"', text)
    assert len(named) > 90 and sorted(named) == sorted(exposed())


def test_helps_are_in_english_and_names_in_base_units() -> None:
    for name in exposed():
        assert re.fullmatch(r"passerelle_[a-z0-9_]+", name)
        assert not re.search(r"_(ms|milliseconds|mib|gib|kb|minutes|percent)(_|$)", name), name
    for family in FAMILIES:
        assert family.help.isascii() and family.help.endswith("."), family


def request(**fields: object) -> requests_pb2.Request:
    whole = {"model": "qwen", "sort": requests_pb2.REQUEST_SORT_CHAT, "status": "OK", "key": "k0", "asked": 0.5}
    return requests_pb2.Request(**{**whole, **fields})  # type: ignore[arg-type]


def lines(registry: CollectorRegistry) -> list[str]:
    return expose(registry).decode().splitlines()


def test_the_first_token_is_counted_without_the_load() -> None:
    registry = CollectorRegistry()
    found = RequestMeasures(registry, KeyLabels(8))
    found.take(
        [request(sent=40.5, queued=0.25, first=40.75, last=41.75, ended=42.0, tokens_in=7, tokens_out=11, stream=True)]
    )
    told = lines(registry)
    for line in (
        'passerelle_time_to_first_token_seconds_sum{model="qwen"} 0.25',
        'passerelle_load_wait_seconds_sum{model="qwen"} 40.0',
        'passerelle_queue_wait_seconds_sum{model="qwen"} 0.25',
        'passerelle_time_per_output_token_seconds_sum{model="qwen"} 0.1',
        'passerelle_time_per_output_token_seconds_bucket{le="0.1",model="qwen"} 1.0',
        'passerelle_request_seconds_sum{kind="chat",model="qwen"} 42.0',
        'passerelle_prompt_tokens_total{key="k0",model="qwen"} 7.0',
        'passerelle_generation_tokens_total{key="k0",model="qwen"} 11.0',
        'passerelle_requests_total{kind="chat",model="qwen",status="OK"} 1.0',
    ):
        assert line in told, line


def test_a_file_has_its_real_time_factor_without_the_queue() -> None:
    registry = CollectorRegistry()
    sort = requests_pb2.REQUEST_SORT_TRANSCRIBE
    RequestMeasures(registry, KeyLabels(8)).take(
        [request(model="canary", sort=sort, sent=1.0, queued=2.0, last=8.0, ended=8.5, audio_seconds=100.0)]
    )
    told = lines(registry)
    assert 'passerelle_real_time_factor_sum{kind="transcribe",model="canary"} 0.05' in told
    assert 'passerelle_audio_seconds_total{key="k0",kind="transcribe",model="canary"} 100.0' in told


@pytest.mark.parametrize(
    ("status", "outcome"), [("OK", "ok"), ("CANCELLED", "cancelled"), ("QUEUE_FULL", "error"), ("WORKER_LOST", "error")]
)
def test_an_unfinished_request_has_no_duration(status: str, outcome: str) -> None:
    registry = CollectorRegistry()
    RequestMeasures(registry, KeyLabels(8)).take([request(status=status, model="", key="", ended=3.0)])
    told = lines(registry)
    assert f'passerelle_requests_total{{kind="chat",model="none",status="{status}"}} 1.0' in told
    assert f'passerelle_key_requests_total{{key="none",outcome="{outcome}"}} 1.0' in told
    assert any(line.startswith("passerelle_request_seconds_count") for line in told) == (status == "OK")
    assert not any(line.startswith("passerelle_queue_wait_seconds_count") for line in told)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_keys_beyond_the_limit_are_together(limit: int) -> None:
    registry = CollectorRegistry()
    found = RequestMeasures(registry, KeyLabels(limit))
    for turn in range(2):
        found.take([request(key=f"psl_{rank}", tokens_in=1 + turn) for rank in range(5)])
    told = "\n".join(lines(registry))
    named = set(re.findall(r'passerelle_prompt_tokens_total{key="(\w+)"', told))
    assert named == {*(f"psl_{rank}" for rank in range(limit)), "other"}
    assert f'passerelle_key_requests_total{{key="other",outcome="ok"}} {2 * (5 - limit)}.0' in told


def test_requests_a_front_forgot_are_counted() -> None:
    registry = CollectorRegistry()
    found = RequestMeasures(registry, KeyLabels(8))
    found.lost(3)
    found.take([request(tokens_in=2)])
    told = lines(registry)
    assert "passerelle_requests_lost_total 3.0" in told
    assert 'passerelle_prompt_tokens_total{key="k0",model="qwen"} 2.0' in told


def test_a_load_tells_where_its_time_went() -> None:
    registry = CollectorRegistry()
    found = OperationMeasures(registry)
    operation = Operation(OperationKind.LOAD, "qwen")
    operation.times.seconds = {"spawning": 0.5, "loading_weights": 50.0}
    operation.finish(OperationState.SUCCEEDED)
    found.take(operation)
    told = lines(registry)
    assert 'passerelle_load_phase_seconds_sum{model="qwen",phase="loading_weights"} 50.0' in told
    assert 'passerelle_operations_total{kind="LOAD",model="qwen",state="SUCCEEDED"} 1.0' in told
    assert 'passerelle_operation_seconds_count{kind="LOAD",model="qwen"} 1.0' in told


def test_what_envoy_counts_is_told_group_by_group() -> None:
    stats = {
        "http.public.downstream_cx_active": 3,
        "http.public.downstream_rq_5xx": 2,
        "http.public.downstream_rq_rx_reset": 4,
        "cluster.fronts.upstream_rq_retry": 5,
        "cluster.fronts.membership_healthy": 1,
        "listener.0.0.0.0_8000.downstream_cx_overflow": 6,
    }
    told = expose(CollectorRegistry(), more=envoy.collect(stats)).decode().splitlines()
    for line in (
        "passerelle_envoy_up 1.0",
        "passerelle_envoy_connections 3.0",
        'passerelle_envoy_responses_total{class="5xx"} 2.0',
        'passerelle_envoy_client_resets_total{by="client"} 4.0',
        'passerelle_envoy_upstream_retries_total{cluster="fronts"} 5.0',
        'passerelle_envoy_upstream_healthy{cluster="fronts"} 1.0',
        "passerelle_envoy_connections_refused_total 6.0",
    ):
        assert line in told, line
    silent = expose(CollectorRegistry(), more=envoy.collect({})).decode()
    assert "passerelle_envoy_up 0.0" in silent and "passerelle_envoy_connections 0" not in silent


def test_a_process_is_told_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE):
        listed = [
            {"name": "front-0", "pid": os.getpid(), "restarts": 2},
            {"name": "dashboard", "pid": 0, "restarts": 9},
        ]
        told = expose(CollectorRegistry(), more=machine.processes(listed)).decode()
    assert 'passerelle_process_up{process="front-0"} 1.0' in told
    assert 'passerelle_process_up{process="dashboard"} 0.0' in told
    assert 'passerelle_process_restarts_total{process="dashboard"} 9.0' in told
    assert 'passerelle_process_up{process="supervisor"} 1.0' in told
    resident = float(re.findall(r'passerelle_process_resident_memory_bytes{process="front-0"} (\S+)', told)[0])
    assert resident > 10_000_000


DEAD = """
from server.rpc.metrics import RpcMetrics, process_registry
found = RpcMetrics(process_registry())
for _ in range(1000):
    found.started("/m")
    found.finished("/m", "OK", 0.3)
found.started("/m")
found.pour()
"""
KEEPER = """
import sys
from server.rpc.metrics import RpcMetrics, expose, keep_dead, process_registry
keep_dead()
keep_dead()
print(expose(process_registry()).decode())
"""


def test_the_counts_of_the_dead_are_kept_in_one_file(tmp_path: Path) -> None:
    """Ni perdus, ni comptés deux fois, ni un fichier de plus par processus ; ce qu'il avait en cours s'en va."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'gen' / 'python'}"}
    told = ""
    for turn in (1, 2):
        for _ in range(2):
            subprocess.run([sys.executable, "-c", DEAD], env=env, cwd=ROOT, check=True)
        done = subprocess.run(
            [sys.executable, "-c", KEEPER], env=env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        told = done.stdout
        assert done.returncode == 0, done.stderr
        assert f'passerelle_rpc_calls_total{{code="OK",method="/m"}} {2000 * turn}.0' in told
        assert f'passerelle_rpc_seconds_count{{method="/m"}} {2000 * turn}.0' in told
        assert "passerelle_rpc_in_flight{" not in told
    # Ceux du mort, et ceux du lecteur, mort à son tour.
    assert len(list(tmp_path.glob("counter_*.db"))) == 2


NAMING = """
from passerelle.v1 import requests_pb2
from server.control.measures.keys import KeyLabels, known_keys
from server.control.measures.requests import RequestMeasures
from server.rpc.metrics import expose, keep_dead, process_registry
keep_dead()
registry = process_registry(4 * 1024 * 1024)
found = RequestMeasures(registry, KeyLabels(2, known_keys()))
import sys
found.take([requests_pb2.Request(model="qwen", key=key, status="OK", tokens_in=1) for key in sys.argv[1:]])
found.pour()
print(expose(registry).decode())
"""


def test_a_control_plane_that_comes_back_names_the_same_keys(tmp_path: Path) -> None:
    """Sans quoi chaque relance en nommerait d'autres, et leur nombre n'aurait plus de borne."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'gen' / 'python'}"}
    told = ""
    for keys in (("psl_a", "psl_b", "psl_c"), ("psl_d", "psl_b", "psl_a")):
        command = [sys.executable, "-c", NAMING, *keys]
        told = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for key in ("psl_a", "psl_b", "other"):
        assert f'passerelle_prompt_tokens_total{{key="{key}",model="qwen"}} 2.0' in told
    assert "psl_c" not in told and "psl_d" not in told
