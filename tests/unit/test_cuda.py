"""CUDA ou rien : chaque cause est nommée, avec ce qu'il faut faire."""

from dataclasses import replace

import pytest

from server.engines.common.cuda import CudaFacts, check, read, require_cuda
from server.errors import CudaUnusable, NoGpuVisible, PasserelleError

GOOD = CudaFacts("0,1", 8, "580.159.04", (13, 0), "2.11.0+cu130", (13, 0))


@pytest.mark.parametrize(
    "facts",
    [
        GOOD,
        replace(GOOD, visible_devices=None),
        # Compatibilité mineure : CUDA 12.8 sur un pilote de CUDA 12.4.
        replace(GOOD, driver="550.54.15", driver_cuda=(12, 4), wheel="2.10.0+cu128", wheel_cuda=(12, 8)),
        replace(GOOD, wheel_cuda=(12, 8)),
    ],
)
def test_a_fitting_machine_passes(facts: CudaFacts) -> None:
    check(facts)


@pytest.mark.parametrize(
    ("facts", "error", "said"),
    [
        (replace(GOOD, driver="", gpu_count=0, driver_cuda=(0, 0)), NoGpuVisible, "aucun pilote NVIDIA"),
        (replace(GOOD, gpu_count=0), NoGpuVisible, "580.159.04"),
        (replace(GOOD, visible_devices=""), NoGpuVisible, "CUDA_VISIBLE_DEVICES"),
        (replace(GOOD, wheel="2.13.0+cpu", wheel_cuda=None), CudaUnusable, "2.13.0+cpu"),
        (replace(GOOD, driver="550.54.15", driver_cuda=(12, 4)), CudaUnusable, "verrou CUDA 12"),
    ],
)
def test_each_cause_is_named(facts: CudaFacts, error: type[PasserelleError], said: str) -> None:
    with pytest.raises(error, match=said.replace("+", r"\+")):
        check(facts)


def test_this_machine_is_read_without_error() -> None:
    facts = read()
    assert facts.wheel
    if facts.gpu_count == 0:
        with pytest.raises(NoGpuVisible):
            require_cuda()
