"""Huit GPU d'essai : le produit entier y mesure, y juge, y tient et y rend de la mémoire, et une personne les choisit.

Un seul produit, dont la machine change ; le dernier essai l'arrête et le relance.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from tests.e2e.test_dashboard import walk
from tests.fakes.gpu_machine import sleepy
from tests.fakes.gpu_machine.machine import GIB, FakeGpu
from tests.support.gpu_product import EIGHT, GpuProduct, product_with_gpus
from tests.support.product import ROOT, Product, wait_until

TWINS = ("petit-b", "petit-c")
NINE = (*EIGHT, FakeGpu(foreign={4_000_009: GIB}))
GIVEN = {"CUDA_VISIBLE_DEVICES": "7,6,5,4,3,2,1,GPU-essai-0", "PASSERELLE_GPUS": "0,GPU-essai-2,1,3,4,5,6,7"}
"""Huit des neuf : partout, le GPU 1 est le 2 de la machine, et le 8 n'existe pas."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpu")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[GpuProduct]:
    with product_with_gpus(folder, NINE, engine=sleepy.NAME, env=GIVEN) as found:
        yield found


@pytest.fixture
def rig(running: GpuProduct) -> GpuProduct:
    """Le produit, sa machine remise à neuf."""
    running.machine.become(NINE)
    wait_until(lambda: not [g for g in running.product.status()["gpus"] if g.get("foreign_bytes")], 60, "machine neuve")
    return running


def test_only_the_gpus_that_were_given_exist(rig: GpuProduct) -> None:
    product = rig.product
    shown = [(gpu["index"], gpu["physical_index"], gpu["uuid"]) for gpu in product.status()["gpus"]]
    physical = (0, 2, 1, 3, 4, 5, 6, 7)
    assert shown == [(position, index, f"GPU-essai-{index}") for position, index in enumerate(physical)]
    unknown = product.admin("preflight", gpus=[8])
    assert unknown.status_code == 400 and "GPU visibles : 0, 1, 2, 3, 4, 5, 6, 7" in unknown.json()["error"]["message"]
    env = {**os.environ, "PASSERELLE_RUN_BASE": str(product.run_dir.parent)}
    done = subprocess.run([ROOT / "passerelle", "status"], env=env, capture_output=True, text=True, check=True)
    assert re.search(r"^1 +2 +NVIDIA H200 .* GPU-essai-2$", done.stdout, re.M), done.stdout


def test_a_measure_changes_live(rig: GpuProduct) -> None:
    rig.machine.change(2, foreign={4_000_001: 130 * GIB})
    wait_until(lambda: rig.product.status()["gpus"][1].get("foreign_bytes") == 130 * GIB, 60, "part des autres vue")
    first = rig.product.status()["gpus"][0]
    assert (first["name"], first["free_bytes"]) == ("NVIDIA H200", 140 * GIB)
    rig.machine.change(0, utilization_percent=87.0, temperature_celsius=64.0, power_watts=512.0)
    wait_until(lambda: rig.product.status()["gpus"][0]["utilization_percent"] == 87, 60, "occupation vue")
    assert rig.product.status()["gpus"][0]["power_watts"] == 512


def test_a_verdict_has_its_figures(rig: GpuProduct) -> None:
    rig.machine.change(2, foreign={4_000_001: 130 * GIB})
    wait_until(lambda: rig.product.status()["gpus"][1].get("foreign_bytes") == 130 * GIB, 60, "part des autres vue")
    accepted = rig.product.admin("preflight", gpus=[0]).json()
    assert accepted["fits"] and accepted["gpus"][0]["weights_bytes"] == 58 * GIB
    refused = rig.product.admin("preflight", gpus=[1]).json()
    assert not refused["fits"] and refused["error"]["reason"] == "GPU_MEMORY_INSUFFICIENT"
    assert "130,0 Gio sont pris par d'autres programmes" in refused["error"]["message"]


def test_a_model_holds_its_gpu_then_gives_it_back(rig: GpuProduct) -> None:
    product = rig.product
    response = product.admin("load", "petit", gpus=[1], wait=True)
    assert response.status_code == 200, response.text
    wait_until(lambda: product.status()["gpus"][1]["used_bytes"] == 3 * GIB, 60, "mémoire tenue")
    gpu = product.status()["gpus"][1]
    [lease], [process] = gpu["leases"], gpu["processes"]
    seen = psutil.Process(process["pid"]).environ()
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["CUDA_DEVICE_ORDER"]) == ("2", "PCI_BUS_ID")
    assert (lease["replica"], lease["reserved_bytes"]) == ("petit-0", 20 * GIB)
    assert (process["replica"], gpu["available_bytes"]) == ("petit-0", 120 * GIB)
    busy = product.admin("preflight", gpus=[1]).json()
    assert busy["error"]["reason"] == "GPU_BUSY" and busy["evictions"] == ["petit"]
    with product.http() as http:
        body = {"model": "petit", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        assert http.post("/v1/chat/completions", json=body).json()["choices"]
    operation = product.admin("unload", "petit", wait=True).json()["operation"]
    assert operation["freed_bytes"] == 3 * GIB


def test_memory_left_behind_soils_the_gpu(rig: GpuProduct) -> None:
    product = rig.product
    assert product.admin("load", "petit", gpus=[0], wait=True).status_code == 200
    rig.machine.change(0, unexplained_bytes=GIB)
    assert product.admin("unload", "petit", wait=True).json()["error"]["reason"] == "GPU_DIRTY"
    assert "1024 Mio restent" in product.status()["gpus"][0]["dirty_reason"]
    rig.machine.change(0, unexplained_bytes=0)
    wait_until(lambda: not product.status()["gpus"][0].get("dirty"), 60, "GPU propre")


def test_a_person_watches_eight_gpus(rig: GpuProduct, chromium: str) -> None:
    """La machine dans la page, et ses mesures poussées dès qu'elles changent : la mesure est feinte, tout le reste est réel."""
    rig.machine.change(1, foreign={4_000_001: 30 * GIB})
    response = rig.product.admin("load", "petit", gpus=[0], wait=True)
    assert response.status_code == 200, response.text
    wait_until(lambda: rig.product.status()["gpus"][0]["used_bytes"] == 3 * GIB, 60, "mémoire tenue")
    a_measure_does_not_wait_for_the_period(rig)
    walk("page_machine.mjs", rig.product, chromium, str(rig.machine.path))
    walk("page_usage.mjs", rig.product, chromium, "petit")
    walk("page_wall.mjs", rig.product, chromium, str(rig.machine.path))
    assert rig.product.admin("unload", "petit", wait=True).status_code == 200


def a_measure_does_not_wait_for_the_period(rig: GpuProduct) -> None:
    with grpc.insecure_channel(rig.product.target) as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        stream = stub.WatchStatus(admin_pb2.WatchStatusRequest(interval=Duration(seconds=60)), timeout=30)
        assert next(stream).status.gpus[7].power_watts == 78
        rig.machine.change(7, power_watts=321.0)
        while next(stream).status.gpus[7].power_watts != 321:
            pass
        stream.cancel()


def test_a_person_chooses_gpus_and_the_server_remembers(rig: GpuProduct, folder: Path, chromium: str) -> None:
    product = rig.product
    control = next(p for p in product.processes() if "control" in p.cmdline())
    walk("page_gpu.mjs", product, chromium, "choisir", str(control.pid), str(rig.machine.path))
    assert [gpu["index"] for gpu in product.status()["gpus"] if gpu["leases"]] == [5, 6]
    kill_all(product)
    with product_with_gpus(folder, engine=sleepy.NAME, twins=TWINS) as again:
        walk("page_gpu.mjs", again.product, chromium, "retrouver")
        assert again.product.model("petit")["options"] == {"parallel": 2}
        three_models_come_back(again.product, folder)


def three_models_come_back(product: Product, folder: Path) -> None:
    """Le premier jour d'un DGX : trois modèles chargés, tout est tué, tout revient où c'était, sans une main."""
    for key in TWINS:
        response = product.admin("load", key, gpus=[3], wait=True)
        assert response.status_code == 200, response.text
    assert product.admin("sleep", TWINS[1], wait=True).status_code == 200
    loaded = where(product)
    assert loaded == {
        "petit": ("MODEL_STATE_READY", [[5], [6]]),
        TWINS[0]: ("MODEL_STATE_READY", [[3]]),
        TWINS[1]: ("MODEL_STATE_ASLEEP", [[3]]),
    }
    kill_all(product)
    began = time.monotonic()
    with product_with_gpus(folder, engine=sleepy.NAME, twins=TWINS) as again:
        # Prêt : `/readyz` a attendu que tout soit revenu.
        print(f"prêt, trois modèles revenus, en {time.monotonic() - began:.1f} s")
        assert where(again.product) == loaded
        one_after_another(again.product)


def where(product: Product) -> dict[str, tuple[str, list[list[int]]]]:
    """État des modèles qui ont des exemplaires, et leurs GPU."""
    return {
        model["key"]: (model["state"], [replica["gpus"] for replica in model["replicas"]])
        for model in product.status()["models"]
        if model["replicas"]
    }


def kill_all(product: Product) -> None:
    """Une coupure de courant : tout s'arrête d'un coup, sans un mot."""
    everyone = [psutil.Process(product.process.pid), *product.processes()]
    for process in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    product.process.wait(30)
    psutil.wait_procs(everyone, timeout=30)


def one_after_another(product: Product) -> None:
    """Les deux modèles d'un même GPU ne s'y sont pas ouverts ensemble : le premier y était prêt avant l'autre."""
    response = httpx.get(f"{product.base_url}/api/admin/operations", timeout=10)
    loads = {
        one["model"]: one for one in reversed(response.json()["operations"]) if one["kind"] == "OPERATION_KIND_LOAD"
    }
    phases = {key: [step["phase"] for step in loads[key]["phases"]] for key in TWINS}
    assert "queued" not in phases[TWINS[1]] and "queued" in phases[TWINS[0]], phases
