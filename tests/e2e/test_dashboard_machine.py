"""La machine dans la page, et ses mesures poussées dès qu'elles changent : huit GPU d'essai, tout le reste est réel."""

from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from tests.e2e.test_dashboard import walk
from tests.fakes.gpu_machine import sleepy
from tests.fakes.gpu_machine.machine import GIB, FakeGpu
from tests.support.gpu_product import GpuProduct, product_with_gpus
from tests.support.product import wait_until

GPUS = (FakeGpu(), FakeGpu(), FakeGpu(foreign={4_000_001: 30 * GIB}), *(FakeGpu(),) * 5)


def test_a_person_watches_eight_gpus(tmp_path: Path, chromium: str) -> None:
    with product_with_gpus(tmp_path, GPUS, engine=sleepy.NAME) as bench:
        response = bench.product.admin("load", "petit", gpus=[0], wait=True)
        assert response.status_code == 200, response.text
        wait_until(lambda: bench.product.status()["gpus"][0]["used_bytes"] == 3 * GIB, 20, "mémoire tenue")
        a_measure_does_not_wait_for_the_period(bench)
        walk("page_machine.mjs", bench.product, chromium, str(bench.machine.path))


def a_measure_does_not_wait_for_the_period(bench: GpuProduct) -> None:
    with grpc.insecure_channel(bench.product.target) as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        stream = stub.WatchStatus(admin_pb2.WatchStatusRequest(interval=Duration(seconds=60)), timeout=30)
        assert next(stream).status.gpus[7].power_watts == 78
        bench.machine.change(7, power_watts=321.0)
        while next(stream).status.gpus[7].power_watts != 321:
            pass
        stream.cancel()
