"""La machine à GPU d'essai : le produit entier y mesure, y juge, y tient et y rend de la mémoire."""

from collections.abc import Iterator

import pytest

from tests.fakes.gpu_machine.machine import GIB, FakeGpu
from tests.support.gpu_product import GpuProduct, product_with_gpus
from tests.support.product import wait_until

GPUS = (FakeGpu(), FakeGpu(foreign={4_000_001: 130 * GIB}))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuProduct]:
    with product_with_gpus(tmp_path_factory.mktemp("gpu"), GPUS) as running:
        yield running


def test_a_measure_changes_live(bench: GpuProduct) -> None:
    first, second = bench.product.status()["gpus"]
    assert (first["name"], first["free_bytes"], second["foreign_bytes"]) == ("NVIDIA H200", 140 * GIB, 130 * GIB)
    bench.machine.change(0, utilization_percent=87.0, temperature_celsius=64.0, power_watts=512.0)
    wait_until(lambda: bench.product.status()["gpus"][0]["utilization_percent"] == 87, 20, "occupation vue")
    assert bench.product.status()["gpus"][0]["power_watts"] == 512


def test_a_verdict_has_its_figures(bench: GpuProduct) -> None:
    accepted = bench.product.admin("preflight", gpus=[0]).json()
    assert accepted["fits"] and accepted["gpus"][0]["weights_bytes"] == 58 * GIB
    refused = bench.product.admin("preflight", gpus=[1]).json()
    assert not refused["fits"] and refused["error"]["reason"] == "GPU_MEMORY_INSUFFICIENT"
    assert "130,0 Gio sont pris par d'autres programmes" in refused["error"]["message"]


def test_a_model_holds_its_gpu_then_gives_it_back(bench: GpuProduct) -> None:
    product = bench.product
    response = product.admin("load", "petit", gpus=[0], wait=True)
    assert response.status_code == 200, response.text
    wait_until(lambda: product.status()["gpus"][0]["used_bytes"] == 3 * GIB, 20, "mémoire tenue")
    gpu = product.status()["gpus"][0]
    [lease], [process] = gpu["leases"], gpu["processes"]
    assert (lease["replica"], lease["reserved_bytes"]) == ("petit-0", 20 * GIB)
    assert (process["replica"], gpu["available_bytes"]) == ("petit-0", 120 * GIB)
    busy = product.admin("preflight", gpus=[0]).json()
    assert busy["error"]["reason"] == "GPU_BUSY" and busy["evictions"] == ["petit"]
    with product.http() as http:
        body = {"model": "petit", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        assert http.post("/v1/chat/completions", json=body).json()["choices"]
    operation = product.admin("unload", "petit", wait=True).json()["operation"]
    assert operation["freed_bytes"] == 3 * GIB


def test_memory_left_behind_soils_the_gpu(bench: GpuProduct) -> None:
    product = bench.product
    assert product.admin("load", "petit", gpus=[0], wait=True).status_code == 200
    bench.machine.change(0, unexplained_bytes=GIB)
    assert product.admin("unload", "petit", wait=True).json()["error"]["reason"] == "GPU_DIRTY"
    assert "1024 Mio restent" in product.status()["gpus"][0]["dirty_reason"]
    bench.machine.change(0, unexplained_bytes=0)
    wait_until(lambda: not product.status()["gpus"][0].get("dirty"), 20, "GPU propre")
