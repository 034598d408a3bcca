"""L'installation : le verrou que permet le pilote, ce qui est refait ou non, les roues pour processeur."""

import contextlib
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import cpu_wheels, quiet, steps
from tools.dgx import FAMILIES, VARIANTS, choose_variant, clear_other_variant, install_dgx
from tools.engine_suites import SUITES
from tools.locks import ALL, LOCKS
from tools.setup import beside
from tools.steps import ROOT, Environment, SetupError


def nvidia_smi(folder: Path, script: str) -> dict[str, str]:
    """Environnement où `nvidia-smi` est ce script."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("driver", "variant"),
    [("580.159.04", "cuda13"), ("590.1", "cuda13"), ("579.99", "cuda12"), ("550.54.14", "cuda12")],
)
def test_the_driver_chooses_the_lock(driver: str, variant: str, tmp_path: Path) -> None:
    environ = nvidia_smi(tmp_path, f'test "$1" = --query-gpu=driver_version && echo {driver} && echo {driver}')
    chosen, reason = choose_variant(environ)
    assert chosen == variant
    assert driver in reason


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 535.183.06", "535.183.06 est trop ancien : 550 au moins"),
        ("echo 'Failed to initialize NVML'; exit 18", "Failed to initialize NVML.*PASSERELLE_CUDA"),
        ("exit 9", "muet"),
    ],
)
def test_an_unfit_driver_is_said(script: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=said):
        choose_variant(nvidia_smi(tmp_path, script))


def test_without_a_driver_the_variable_decides(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nvidia-smi est introuvable.*PASSERELLE_CUDA"):
        choose_variant({"PATH": str(tmp_path)})
    assert choose_variant({"PATH": str(tmp_path), "PASSERELLE_CUDA": "cuda12"})[0] == "cuda12"
    with pytest.raises(SetupError, match="PASSERELLE_CUDA : « 11 » inconnu"):
        choose_variant({"PASSERELLE_CUDA": "11"})


def test_production_installs_one_environment_per_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "uv.txt"
    environ = nvidia_smi(tmp_path, "echo 550.90.07") | {"PASSERELLE_ENVS_DIR": str(tmp_path / "envs")}
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    pythons = [tmp_path / "envs" / family / "bin" / "python" for family in FAMILIES]
    for python in pythons:
        python.parent.mkdir(parents=True)
        python.write_text("")
    for _ in range(2):
        install_dgx(environ)
    assert said.read_text().splitlines() == [
        f"pip install --python {python} --require-hashes --no-deps -r {LOCKS / f'dgx-{family}-cuda12.txt'}"
        for family, python in zip(FAMILIES, pythons, strict=True)
    ]
    shown = capsys.readouterr().out
    assert "Verrous cuda12 : pilote NVIDIA 550.90.07." in shown
    assert "vllm, verrou cuda12 (5,2 Go au plus)" in shown


def test_an_environment_made_for_another_driver_is_made_again(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "vllm")
    kept = environment.folder / "paquet"
    clear_other_variant(environment, "cuda12")
    kept.write_text("")
    clear_other_variant(environment, "cuda12")
    assert kept.is_file()
    clear_other_variant(environment, "cuda13")
    assert not kept.exists()
    clear_other_variant(environment, "cuda13")
    assert environment.folder.is_dir()


def test_every_environment_has_its_lock() -> None:
    names = {lock.name for lock in ALL}
    assert {f"dgx-{family}-{variant}" for family in FAMILIES for variant in VARIANTS} < names
    assert {f"essais-{suite.family}" for suite in SUITES} < names


def test_a_step_is_done_again_only_when_its_inputs_change(tmp_path: Path) -> None:
    environment, lock, done = Environment(tmp_path / "e"), tmp_path / "verrou.txt", []
    for content in ("a", "a", "b"):
        lock.write_text(content)
        environment.step("étape", [lock], "titre", lambda: done.append(lock.read_text()))
    assert done == ["a", "b"]


def test_a_failed_step_is_done_again(tmp_path: Path) -> None:
    environment, done = Environment(tmp_path), []

    def fail() -> None:
        raise SetupError("non")

    with pytest.raises(SetupError):
        environment.step("étape", ["x"], "titre", fail)
    environment.step("étape", ["x"], "titre", lambda: done.append(True))
    assert done


def test_cuda_only_wheels_are_set_aside_without_touching_shared_files(tmp_path: Path) -> None:
    cache = tmp_path / "cache.py"
    cache.write_text("def _has_ops():\n    return False\n")
    packages = tmp_path / "paquets"
    for folder in ("torchaudio/lib", "torchcodec", "torchcodec-0.17.0.dist-info", "torchvision"):
        (packages / folder).mkdir(parents=True)
    (packages / "torchaudio/lib/_torchaudio.abi3.so").write_text("")
    extension = packages / "torchvision/extension.py"
    extension.hardlink_to(cache)
    (packages / "torchvision/_meta_registrations.py").write_text(
        '@register_meta("roi_align")\n@torch.library.register_fake("torchvision::nms")\n'
    )
    for _ in range(2):
        cpu_wheels.settle_packages(packages)
    assert [path.name for path in (packages / "torchaudio/lib").iterdir()] == ["_torchaudio.abi3.so.cuda"]
    assert not list(packages.glob("torchcodec*"))
    assert cache.read_text() == "def _has_ops():\n    return False\n"
    written = extension.read_text()
    assert written.count("['nms', 'roi_align']") == 1
    compile(written, "extension.py", "exec")


def printing(folder: Path, *lines: str, code: int = 0) -> list[str]:
    script = folder / "programme"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{text}'\n" for text in lines) + f"exit {code}\n")
    script.chmod(0o755)
    return [str(script)]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(quiet, "LOG", tmp_path / "journal" / "installation.log")
    return quiet.LOG


def test_a_step_is_one_line_and_its_program_fills_the_log(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [f"Collecting paquet-{number}" for number in range(40)]
    for title in ("une étape", "une autre"):
        Environment(tmp_path).step(title, [title], title, lambda: steps.run(*printing(tmp_path, *said)))
    assert re.fullmatch(r"→ une étape : \d+ s\n→ une autre : \d+ s\n", capsys.readouterr().out)
    assert log.read_text().count("Collecting") == 80


def test_a_failure_shows_the_end_of_its_log(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [f"ligne {number}" for number in range(40)]

    def work() -> None:
        Environment(tmp_path).step("x", ["x"], "x", lambda: steps.run(*printing(tmp_path, *said, code=3)))

    assert steps.guarded(work) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("→ x : échec, ") and "ligne 39" in shown.err and "ligne 20" not in shown.err
    assert f"Journal : {log}" in shown.err


def test_a_terminal_sees_what_is_big_advance(tmp_path: Path, log: Path) -> None:
    lock = tmp_path / "verrou.txt"
    lock.write_text(
        "torch==2.13.0 \\\n    --hash=sha256:a\nnumpy==2.0 \\\n    --hash=sha256:b\nautre @ https://x/y.whl\n"
    )
    said = ["Collecting torch==2.13.0", "  Downloading https://x/torch-2.13.0.whl (200 MB)", "Collecting numpy==2.0"]
    [program] = printing(tmp_path, *said)
    code = (
        "import sys; from pathlib import Path; from tools import quiet; quiet.LOG = Path(sys.argv[1])\n"
        "with quiet.line('le verrou'): quiet.run([sys.argv[2]], total=quiet.pinned(Path(sys.argv[3])))"
    )
    master, slave = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code, str(log), program, str(lock)], stdout=slave, cwd=ROOT):
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # le terminal se ferme avec le programme
            while part := os.read(master, 4096):
                shown += part
    os.close(master)
    text = shown.decode()
    assert "1/3 torch-2.13.0.whl (200 MB)" in text and "2/3 numpy==2.0" in text and "[######......" in text
    assert re.search(r"→ le verrou : \d+ s\r\n$", text)


def test_the_page_is_installed_beside_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """L'une ne finit que quand l'autre a commencé : chacune son tour, elles s'attendraient sans fin."""
    begun = tmp_path / "commencé"
    begun.touch()
    waiting = printing(tmp_path, "la page est prête")
    Path(waiting[0]).write_text(
        f"#!/bin/sh\nrm {begun}\nuntil [ -e {begun} ]; do sleep 0.05; done\necho 'la page est prête'\n"
    )
    with beside(waiting):
        while begun.exists():
            time.sleep(0.01)
        begun.touch()
    assert capsys.readouterr().out == "la page est prête\n"


def test_a_page_that_fails_stops_the_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupError, match="la page"), beside(printing(tmp_path, "npm est introuvable", code=1)):
        pass
    assert "npm est introuvable" in capsys.readouterr().out


def test_what_fails_beside_the_page_stops_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="torch"), beside(["sleep", "1000"]):
        raise SetupError("torch est introuvable.")
