"""Les GPU permis : ce qu'une liste donne, ce qu'elle refuse, et qu'elle ne vaut jamais toute la machine."""

from pathlib import Path

import pytest

from server.control.gpu.allowed import GpuDevice, allowed_gpus
from server.control.gpu.probe import AllowedProbe
from server.errors import NoGpuVisible
from tests.fakes.gpu_machine.machine import GIB, FakeGpu, Machine
from tests.fakes.gpu_machine.probe import FileDriver

CUDA, OURS = "CUDA_VISIBLE_DEVICES", "PASSERELLE_GPUS"
EIGHT = tuple(GpuDevice(index, f"GPU-{index}a{index}-essai", "H200") for index in range(8))


@pytest.mark.parametrize(
    ("lists", "physical"),
    [
        ({}, range(8)),
        ({CUDA: "0,1,2,3,4,5,6,7"}, range(8)),
        ({CUDA: "5, 2"}, (5, 2)),
        ({CUDA: "GPU-5a5-essai,GPU-2a,0"}, (5, 2, 0)),
        ({OURS: "7"}, (7,)),
        ({CUDA: "5,2,6", OURS: "6,GPU-5"}, (6, 5)),
        ({CUDA: ""}, ()),
        ({CUDA: " "}, ()),
        ({CUDA: "-1"}, ()),
        ({OURS: ""}, ()),
        ({CUDA: "5", OURS: "-1"}, ()),
        ({CUDA: "", OURS: ""}, ()),
    ],
)
def test_the_list_gives_its_gpus_in_its_order(lists: dict[str, str], physical: range | tuple[int, ...]) -> None:
    found = allowed_gpus(EIGHT, lists)
    assert list(found.physical.items()) == list(enumerate(physical)) and not found.refused
    assert bool(found.reason) == (not physical)
    if not physical:
        assert next(reversed(lists)) in found.reason


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({CUDA: "8"}, "CUDA_VISIBLE_DEVICES : « 8 » n'est aucun GPU de cette machine ; elle a 0 (GPU-0a0-essai), 1"),
        ({CUDA: "0,8"}, "« 8 »"),
        ({OURS: "GPU-9"}, "PASSERELLE_GPUS : « GPU-9 » n'est aucun GPU"),
        ({OURS: "GPU-"}, "« GPU- » n'est aucun GPU"),
        ({OURS: "tous"}, "« tous » n'est aucun GPU"),
        ({OURS: "all"}, "« all » n'est aucun GPU"),
        ({CUDA: "0,-1"}, "« -1 » n'est aucun GPU"),
        ({CUDA: "0,"}, "«  » n'est aucun GPU"),
        ({CUDA: "01"}, "« 01 » n'est aucun GPU"),
        ({CUDA: "²"}, "« ² » n'est aucun GPU"),
        ({CUDA: "1,1"}, "« 1 » nomme une seconde fois le GPU 1 (GPU-1a1-essai)"),
        ({CUDA: "1,GPU-1a"}, "« GPU-1a » nomme une seconde fois le GPU 1"),
        ({CUDA: "0,1", OURS: "1,2"}, "PASSERELLE_GPUS : le GPU 2 (GPU-2a2-essai) n'est pas parmi ceux que donne CUDA_"),
        ({CUDA: "", OURS: "0"}, "PASSERELLE_GPUS : le GPU 0 (GPU-0a0-essai) n'est pas parmi ceux"),
        ({CUDA: "9", OURS: "0"}, "CUDA_VISIBLE_DEVICES : « 9 »"),
        ({CUDA: "MIG-41b7c1d2"}, "« MIG-41b7c1d2 » est une partition MIG"),
        ({OURS: "0,MIG-GPU-5a5/1/0"}, "« MIG-GPU-5a5/1/0 » est une partition MIG"),
        ({OURS: "9" * 500}, f"« {'9' * 80} »"),
    ],
)
def test_a_list_that_does_not_read_gives_nothing(lists: dict[str, str], said: str) -> None:
    found = allowed_gpus(EIGHT, lists)
    assert found.refused and found.physical == {} and said in found.reason


def test_two_uuids_that_begin_alike_are_not_told_apart() -> None:
    twins = (GpuDevice(0, "GPU-aa1"), GpuDevice(1, "GPU-aa2"), GpuDevice(2, "GPU-aa"))
    assert "plusieurs UUID (GPU-aa1, GPU-aa2, GPU-aa)" in allowed_gpus(twins, {CUDA: "GPU-a"}).reason
    assert allowed_gpus(twins, {CUDA: "GPU-aa"}).physical == {0: 2}


def test_a_gpu_in_mig_mode_is_refused_by_its_name() -> None:
    devices = (GpuDevice(0, "GPU-a"), GpuDevice(1, "GPU-b", mig=True), GpuDevice(2, "GPU-c"))
    for entry in ("1", "GPU-b"):
        found = allowed_gpus(devices, {CUDA: f"0,{entry}"})
        assert found.refused and found.physical == {} and f"« {entry} » est un GPU en mode MIG" in found.reason
    assert allowed_gpus(devices, {CUDA: "2,0"}).physical == {0: 2, 1: 0}
    # Sans liste, les autres servent, sous leur numéro.
    whole = allowed_gpus(devices, {})
    assert whole.physical == {0: 0, 2: 2} and "Le GPU 1 est en mode MIG" in whole.reason and not whole.refused
    none = allowed_gpus(devices[1:2], {})
    assert none.physical == {} and "Le GPU 1 est en mode MIG" in none.reason


def test_a_gpu_out_of_order_keeps_its_number() -> None:
    devices = (GpuDevice(0, "GPU-a"), GpuDevice(1, ""), GpuDevice(2, "GPU-c"))
    assert allowed_gpus(devices, {CUDA: "2,1,0"}).physical == {0: 2, 1: 1, 2: 0}
    assert "1 (illisible)" in allowed_gpus(devices, {CUDA: "GPU-b"}).reason


def test_without_gpu_there_is_nothing_to_refuse() -> None:
    assert allowed_gpus((), {CUDA: "0"}) == allowed_gpus((), {})


def test_only_allowed_gpus_are_measured(tmp_path: Path) -> None:
    gpus = [FakeGpu(foreign={7: GIB * index} if index else {}) for index in range(4)]
    path = Machine(tmp_path / "gpus.json", gpus, {"m": 2 * GIB}).path
    driver = FileDriver(path, lambda: [(50, "m", frozenset({3}))])
    probe = AllowedProbe(driver, {CUDA: "3,1"})
    first, second = probe.read()
    assert (first.index, first.physical_index, first.uuid, first.used_bytes) == (0, 3, "GPU-essai-3", 5 * GIB)
    assert (second.index, second.physical_index, second.uuid, second.used_bytes) == (1, 1, "GPU-essai-1", GIB)
    assert probe.allowed.physical_of((1, 0)) == (1, 3)
    with pytest.raises(NoGpuVisible, match="Le GPU 2 n'est plus visible"):
        probe.allowed.physical_of((0, 2))
    assert AllowedProbe(driver, {CUDA: "4"}).read() == ()
