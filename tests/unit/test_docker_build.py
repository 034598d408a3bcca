"""build_docker.sh, devant de faux programmes."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.docker_stubs import ROOT, Play, make_play


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return make_play(tmp_path)


@pytest.mark.parametrize(
    ("driver", "arguments", "cuda"),
    [
        ("580.95.05\n580.95.05", (), "cuda13"),
        ("575.57.08", (), "cuda12"),
        (" 550.54 ", (), "cuda12"),
        ("550.54", ("--build-arg", "PASSERELLE_CUDA=cuda13"), "cuda13"),
        ("580.95", ("--build-arg=PASSERELLE_CUDA=cuda12", "--pull"), "cuda12"),
    ],
)
def test_the_cuda_lock_follows_the_driver(play: Play, driver: str, arguments: tuple[str, ...], cuda: str) -> None:
    found = play("build_docker.sh", "img:1", *arguments, STUB_DRIVER=driver)
    assert found.code == 0, found.err
    build = found.only("build")
    chosen = [part.rpartition("=")[2] for part in build if "PASSERELLE_CUDA=" in part]
    assert chosen == [cuda] and build[2:4] == ["--tag", "img:1"] and build[-1] == str(ROOT)
    assert f"({cuda})" in found.out and "./run_docker.sh img:1" in found.out


def test_building_without_a_driver_is_said(play: Play) -> None:
    found = play("build_docker.sh", "img:1", without=("nvidia-smi",))
    assert found.code == 0 and "PASSERELLE_CUDA=cuda13" in found.only("build") and "PASSERELLE_CUDA=cuda12" in found.err


@pytest.mark.parametrize(
    ("arguments", "env", "words", "code"),
    [
        ((), {}, "Usage : ./build_docker.sh", 2),
        (("img:1", "--build-arg", "PASSERELLE_CUDA=cuda11"), {}, "cuda12 ou cuda13", 2),
        (("img:1",), {"STUB_BUILD_CODE": "1"}, "la construction a échoué", 1),
        (("img:1",), {"without": ("docker",)}, "docker est introuvable", 1),
        (("img:1",), {"STUB_DRIVER": "535.1"}, "", 0),
    ],
)
def test_a_refused_build(play: Play, arguments: tuple[str, ...], env: dict[str, Any], words: str, code: int) -> None:
    found = play("build_docker.sh", *arguments, **env)
    assert found.code == code and words in found.err
    assert code or "précède CUDA 12.4" in found.err
