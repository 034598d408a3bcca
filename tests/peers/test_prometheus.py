"""Un vrai Prometheus : la page sans un avertissement, des séries pour chaque panneau et chaque règle, et chaque alerte qui sonne.

L'arithmétique de toutes les alertes est rejouée par promtool ; celles qu'une panne peut provoquer sonnent aussi devant elle.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import psutil
import pytest
from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc

from tests.fakes.gpu_machine.machine import GIB
from tests.support.gpu_product import GpuProduct, product_with_gpus
from tests.support.load import KINDS, SPEECH, Load, live_config
from tests.support.parts import PARTS, by_argument
from tests.support.product import Product, running_product, wait_until
from tests.support.prometheus import RULES, SUPERVISION, Prometheus, promtool, scraping
from tests.support.waiting import PATIENCE

BOARD = json.loads((SUPERVISION / "grafana/dashboards/passerelle.json").read_text(encoding="utf-8"))
TRAFFIC = ("chat", "typed", "transcribe", "live", "diarize")
OF_VLLM = "passerelle_(kv|prefix)_cache_"
"""Que seul vLLM dit ; tests/engines/test_vllm_measures.py les tient."""
KEPT = 4
"""Requêtes qu'un front garde tant qu'il ne les sait pas écrites."""
PETIT = by_argument("worker", "--key", "petit", "--replica", "0")


@dataclass
class Rig:
    """Deux produits, et ce qui les lit."""

    product: Product
    gpu: GpuProduct
    prometheus: Prometheus
    closing: ExitStack
    """Ce qui arrête le produit à GPU."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("p")
    env = {"PASSERELLE_MAX_LIVE_STREAMS": "1", "PASSERELLE_SPARE_LIVE_STREAMS": "0", "PASSERELLE_WATCHDOG_SECONDS": "0"}
    with running_product(folder, env=env) as product, ExitStack() as closing:
        place = tmp_path_factory.mktemp("g")
        patient = {"PASSERELLE_WATCHDOG_SECONDS": "0", "PASSERELLE_REQUESTS_KEPT": str(KEPT)}
        gpu = closing.enter_context(product_with_gpus(place, env=patient))
        targets = {"audio": product.port, "gpu": gpu.product.port}
        with scraping(folder / "prometheus", targets) as prometheus:
            yield Rig(product, gpu, prometheus, closing)


def body(model: str, tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Count."}]
    return {"model": model, "messages": messages, "max_tokens": tokens, "ignore_eos": True}


def completion(product: Product, model: str, tokens: int = 8, **more: Any) -> httpx.Response:
    whole = body(model, tokens) | more
    return httpx.post(f"{product.base_url}/v1/chat/completions", json=whole, timeout=PATIENCE)


def expressions() -> list[str]:
    """Requêtes des panneaux, telles que Grafana les envoie ; et chaque sélecteur des règles."""
    panels = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    rules = [rule["expr"] for group in RULES for rule in group["rules"]]
    selectors = {found for rule in rules for found in re.findall(r"\bpasserelle_\w+(?:\{[^}]*\})?", rule)}
    filled = [
        one.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$model", ".*") for one in panels
    ]
    return [*filled, *sorted(selectors)]


def test_the_files_are_sound(tmp_path: Path) -> None:
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")
    (tmp_path / "alerts.yml").write_bytes((SUPERVISION / "alerts.yml").read_bytes())
    (tmp_path / "cle").write_text("psk_essai", encoding="utf-8")
    config = (SUPERVISION / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(
        config.replace("/run/secrets/passerelle_metrics_key", str(tmp_path / "cle")), encoding="utf-8"
    )
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_every_query_finds_its_series_after_traffic(rig: Rig) -> None:
    for key in ("qwen", "canary", "pyannote"):
        rig.product.ensure_ready(key)
    rig.gpu.product.ensure_ready("petit")
    with Load(rig.product, {name: KINDS[name] for name in TRAFFIC}) as load:
        load.wait_success(2 * PATIENCE)
    # Une erreur, pour le panneau qui ne montre qu'elles.
    assert completion(rig.product, "inconnu").status_code == 404
    assert completion(rig.gpu.product, "petit").status_code == 200
    for product in (rig.product, rig.gpu.product):
        page = httpx.get(f"{product.base_url}/metrics", timeout=PATIENCE).text
        assert promtool("check", "metrics", text=page) == ""
    missing = [one for one in expressions() if not re.search(OF_VLLM, one)]

    def all_found() -> bool:
        # Une série qui n'a vécu qu'un instant (un téléchargement) est cherchée dans ce qui a été lu.
        missing[:] = [
            one
            for one in missing
            if not rig.prometheus.query(one) and not rig.prometheus.query(f"count_over_time(({one})[1h:500ms])")
        ]
        return not missing

    try:
        wait_until(all_found, PATIENCE, "des séries pour chaque requête")
    except AssertionError as error:
        raise AssertionError("\n".join(["sans série :", *missing])) from error
    tokens = 'sum(passerelle_generation_tokens_total{instance="audio", model="qwen"})'
    assert float(rig.prometheus.query(tokens)[0]["value"][1]) >= 8
    heard = rig.prometheus.query('passerelle_audio_seconds_total{instance="audio"}')
    assert {one["metric"]["kind"] for one in heard} == {"transcribe", "live", "diarize"}


def test_a_gpu_in_trouble_is_told(rig: Rig) -> None:
    rig.gpu.product.ensure_ready("petit")
    machine = rig.gpu.machine
    machine.change(5, temperature_celsius=95.0)
    machine.change(6, foreign={4_000_001: 70 * GIB})
    # De la mémoire reste quand l'exemplaire s'en va.
    (held,) = [gpu["index"] for gpu in rig.gpu.product.status()["gpus"] if gpu["replicas"]]
    machine.change(held, unexplained_bytes=GIB)
    assert rig.gpu.product.admin("unload", "petit", wait=True).json()["error"]["reason"] == "GPU_DIRTY"
    rig.prometheus.wait_firing("PasserelleGpuHot", "PasserelleGpuTakenByOthers", "PasserelleGpuDirty")
    assert not {"PasserelleGpuHot", "PasserelleGpuDirty"} & _instances(rig, "audio")
    machine.become(type(machine._gpus[0])() for _ in machine._gpus)  # type: ignore[arg-type]
    wait_until(lambda: not [g for g in rig.gpu.product.status()["gpus"] if g.get("dirty")], PATIENCE, "GPU propre")


def _instances(rig: Rig, name: str) -> set[str]:
    return {one["metric"]["alertname"] for one in rig.prometheus.query(f'ALERTS{{instance="{name}"}}')}


def test_a_full_queue_is_told(rig: Rig) -> None:
    product = rig.gpu.product
    product.ensure_ready("petit")

    async def flood() -> None:
        # De longues requêtes : soixante-quatre attendent encore quand les suivantes arrivent.
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=product.base_url, timeout=PATIENCE, limits=limits) as http:
            asked = [asyncio.create_task(http.post("/v1/chat/completions", json=body("petit", 400))) for _ in range(90)]
            refused = 0
            for answer in asyncio.as_completed(asked):
                refused += (await answer).status_code == 429
                if refused == 20:
                    break
            assert refused == 20
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(flood())
    rig.prometheus.wait_firing("PasserelleQueueFull")


def test_all_the_live_streams_are_taken(rig: Rig) -> None:
    async def hold() -> None:
        ended = asyncio.Event()

        async def requests() -> AsyncIterator[transcribe_pb2.StreamTranscribeRequest]:
            yield transcribe_pb2.StreamTranscribeRequest(config=live_config())
            yield transcribe_pb2.StreamTranscribeRequest(audio=SPEECH[44:3244])
            await ended.wait()

        async with grpc.aio.insecure_channel(rig.product.target) as channel:
            stream = transcribe_pb2_grpc.TranscribeServiceStub(channel).StreamTranscribe(requests())
            async for response in stream:
                if response.HasField("ready"):
                    await asyncio.to_thread(rig.prometheus.wait_firing, "PasserelleLiveStreamsFull")
                    ended.set()

    asyncio.run(hold())


def test_a_frozen_replica_is_told_and_its_first_token_is_late(rig: Rig) -> None:
    product = rig.gpu.product
    product.ensure_ready("petit")
    assert completion(product, "petit", stream=True).status_code == 200
    pid = PETIT(product)
    os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(completion, product, "petit", stream=True)
            rig.prometheus.wait_firing("PasserelleReplicaSilent")
            # Plus de dix secondes après : c'est le seuil de l'alerte, non une attente de l'essai.
            old = 'max(passerelle_requests_in_flight{instance="gpu", stage="sent"} offset 11s) > 0'
            wait_until(lambda: bool(rig.prometheus.query(old)), PATIENCE, "requête vieille de onze secondes")
            os.kill(pid, signal.SIGCONT)
            assert late.result().status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    rig.prometheus.wait_firing("PasserelleFirstTokenSlow")


def test_a_replica_that_cannot_come_back_is_told(rig: Rig) -> None:
    product = rig.gpu.product
    product.ensure_ready("petit")
    (weights,) = [path for path in product.cache_dir.rglob("SmolLM2*.gguf") if "petit" in str(path)]
    target = weights.readlink()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(completion, product, "petit", 400)
        running = 'passerelle_replica_requests_running{instance="gpu", model="petit"} > 0'
        wait_until(lambda: bool(rig.prometheus.query(running)), PATIENCE, "requête en cours")
        weights.unlink()
        os.kill(PETIT(product), signal.SIGKILL)
        assert lost.result().status_code >= 500
    rig.prometheus.wait_firing("PasserelleReplicasMissing", "PasserelleOperationFailed", "PasserelleRequestsFail")
    weights.symlink_to(target)


def test_requests_that_nobody_counts_are_told(rig: Rig) -> None:
    """Un plan de contrôle figé : le front garde ce qu'il peut, puis oublie, et le dira."""
    product = rig.gpu.product
    product.ensure_ready("petit")
    pid = PARTS["control"].pid(product)
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(KEPT + 3):
            assert completion(product, "petit", 1).status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    # Dit avec le prochain lot.
    assert completion(product, "petit", 1).status_code == 200
    rig.prometheus.wait_firing("PasserelleRequestsLost")


def test_a_process_short_of_descriptors_is_told(rig: Rig) -> None:
    process = psutil.Process(PARTS["dashboard"].pid(rig.gpu.product))
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 1, before[1]))
    try:
        rig.prometheus.wait_firing("PasserelleDescriptorsShort")
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


def test_a_process_that_falls_is_told_then_one_that_is_gone(rig: Rig) -> None:
    dashboard = PARTS["dashboard"].pid
    killed: set[int] = set()

    def broken() -> bool:
        processes = rig.gpu.product.status()["processes"]
        if any(one["name"] == "dashboard" and one.get("broken") for one in processes):
            return True
        pid = dashboard(rig.gpu.product)
        if pid and pid not in killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        return False

    wait_until(broken, PATIENCE, "tableau de bord tombé trop souvent")
    rig.prometheus.wait_firing("PasserelleProcessRestarts", "PasserelleProcessMissing")


def test_a_disk_nearly_full_is_told(tmp_path: Path) -> None:
    """Un dossier d'état sur un disque de 16 Mio, que seul ce produit voit monté."""
    state = tmp_path / "etat"
    state.mkdir()
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    fill = f'mount -t tmpfs -o size=16m tmpfs "{state}" && head -c 15700k /dev/zero > "{state}/plein" && exec "$@"'
    env = {"PASSERELLE_STATE_DIR": str(state)}
    with (
        running_product(tmp_path, env=env, before=[*own, "sh", "-c", fill, "sh"]) as product,
        scraping(tmp_path / "prometheus", {"disque": product.port}) as prometheus,
    ):
        prometheus.wait_firing("PasserelleDiskLow")


def test_a_server_that_is_gone_is_told(rig: Rig) -> None:
    rig.closing.close()
    rig.prometheus.wait_firing("PasserelleDown")
    assert "PasserelleDown" not in _instances(rig, "audio")


CASES: dict[str, dict[str, str]] = {
    "PasserelleDown": {'up{job="passerelle", instance="a"}': "1 1 0x30"},
    "PasserelleProcessMissing": {'passerelle_process_up{process="front-0"}': "0x30"},
    "PasserelleProcessRestarts": {'passerelle_process_restarts_total{process="front-0"}': "0+1x30"},
    "PasserelleReplicasMissing": {
        'passerelle_model_replicas{model="qwen", instance="a"}': "1x30",
        'passerelle_model_replicas_wanted{model="qwen", instance="a"}': "2x30",
        'passerelle_model_state{model="qwen", instance="a", state="ASLEEP"}': "0x30",
    },
    "PasserelleReplicaSilent": {'passerelle_replica_silent{replica="qwen-0"}': "1x30"},
    "PasserelleRequestsFail": {'passerelle_errors_total{reason="WORKER_LOST"}': "0x25 1x4"},
    "PasserelleQueueFull": {
        'passerelle_errors_total{reason="QUEUE_FULL"}': "0+6x30",
        'passerelle_requests_total{model="qwen", status="OK"}': "0+100x30",
    },
    "PasserelleFirstTokenSlow": {
        'passerelle_time_to_first_token_seconds_bucket{model="qwen", le="10"}': "0+9x30",
        'passerelle_time_to_first_token_seconds_bucket{model="qwen", le="30"}': "0+10x30",
        'passerelle_time_to_first_token_seconds_bucket{model="qwen", le="+Inf"}': "0+10x30",
    },
    "PasserelleOperationFailed": {'passerelle_operations_total{kind="LOAD", state="FAILED"}': "0x20 1x10"},
    "PasserelleLiveStreamsFull": {
        'passerelle_live_streams{replica="canary-0"}': "32x30",
        'passerelle_live_streams_max{replica="canary-0"}': "32x30",
    },
    "PasserelleDiskLow": {
        'passerelle_filesystem_free_bytes{folder="models"}': "4x30",
        'passerelle_filesystem_size_bytes{folder="models"}': "100x30",
    },
    "PasserelleGpuHot": {'passerelle_gpu_temperature_celsius{gpu="0"}': "86x30"},
    "PasserelleGpuDirty": {'passerelle_gpu_dirty{gpu="0"}': "1x30"},
    "PasserelleGpuTakenByOthers": {
        'passerelle_gpu_memory_others_bytes{gpu="0"}': "11x30",
        'passerelle_gpu_memory_size_bytes{gpu="0"}': "100x30",
    },
    "PasserelleDescriptorsShort": {
        'passerelle_process_open_fds{process="envoy"}': "81x30",
        'passerelle_process_max_fds{process="envoy"}': "100x30",
    },
    "PasserelleRequestsLost": {"passerelle_requests_lost_total": "0x20 1x10"},
}
QUIET: dict[str, dict[str, str]] = {
    "PasserelleDown": {'up{job="passerelle", instance="a"}': "1x30"},
    "PasserelleProcessRestarts": {'passerelle_process_restarts_total{process="front-0"}': "7x30"},
    "PasserelleReplicasMissing": {
        # Endormi, ou en chemin depuis peu.
        'passerelle_model_replicas{model="qwen", instance="a"}': "0x30",
        'passerelle_model_replicas_wanted{model="qwen", instance="a"}': "2x30",
        'passerelle_model_state{model="qwen", instance="a", state="ASLEEP"}': "1x30",
        'passerelle_model_replicas{model="canary", instance="a"}': "1x22 0x8",
        'passerelle_model_replicas_wanted{model="canary", instance="a"}': "1x30",
    },
    "PasserelleRequestsFail": {'passerelle_errors_total{reason="INVALID_REQUEST"}': "0+9x30"},
    "PasserelleQueueFull": {
        'passerelle_errors_total{reason="QUEUE_FULL"}': "0+4x30",
        'passerelle_requests_total{model="qwen", status="OK"}': "0+100x30",
    },
    "PasserelleFirstTokenSlow": {
        'passerelle_time_to_first_token_seconds_bucket{model="qwen", le="10"}': "0+10x30",
        'passerelle_time_to_first_token_seconds_bucket{model="qwen", le="+Inf"}': "0+10x30",
    },
    "PasserelleOperationFailed": {'passerelle_operations_total{kind="LOAD", state="SUCCEEDED"}': "0+1x30"},
    "PasserelleGpuHot": {'passerelle_gpu_temperature_celsius{gpu="0"}': "60x26 90x4"},
}


@pytest.mark.parametrize("fires", [True, False], ids=["sonne", "se tait"])
def test_the_arithmetic_of_every_alert(tmp_path: Path, fires: bool) -> None:
    rules = {rule["alert"]: rule for group in RULES for rule in group["rules"]}
    assert CASES.keys() == rules.keys() and QUIET.keys() < rules.keys()
    (tmp_path / "alerts.yml").write_text(
        # Les étiquettes et les phrases ne sont pas de l'arithmétique.
        json.dumps({"groups": [{"name": "a", "rules": [_bare(rule) for rule in rules.values()]}]}),
        encoding="utf-8",
    )
    tests = [
        {
            "interval": "1m",
            "name": name,
            "input_series": [{"series": series, "values": values} for series, values in given.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                    "eval_time": "29m",
                    "exp_samples": [{"labels": "{}", "value": 1.0 if fires else 0.0}],
                }
            ],
        }
        for name, given in (CASES if fires else QUIET).items()
    ]
    (tmp_path / "tests.yml").write_text(
        json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8"
    )
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "tests.yml"))


def _bare(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name in ("alert", "expr", "for")}
