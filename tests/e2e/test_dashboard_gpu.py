"""Le choix des GPU dans la page, dans un vrai Chromium, sur une machine d'essai."""

from pathlib import Path

from tests.e2e.test_dashboard import walk
from tests.support.gpu_product import product_with_gpus


def test_a_person_chooses_gpus_and_the_server_remembers(tmp_path: Path, chromium: str) -> None:
    with product_with_gpus(tmp_path) as bench:
        control = next(p for p in bench.product.processes() if "control" in p.cmdline())
        walk("page_gpu.mjs", bench.product, chromium, "choisir", str(control.pid), str(bench.machine.path))
        gpus = bench.product.status()["gpus"]
        assert [gpu["index"] for gpu in gpus if gpu["leases"]] == [5, 6]
    with product_with_gpus(tmp_path) as bench:
        walk("page_gpu.mjs", bench.product, chromium, "retrouver")
