"""Un fichier de poids de pyannote ne fait que donner des poids."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from server.engines.pyannote.checkpoint import read_model
from server.errors import ModelLoadFailed
from tests.support import tiny_pyannote

# pyannote avertit de ce que l'essai n'a pas : torchcodec.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _without_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comme le moteur ; pyannote ne lit rien si un autre essai lui a repris cette variable."""
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "0")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_pyannote.community(tmp_path_factory.mktemp("pyannote"))
    return folder / "segmentation" / "pytorch_model.bin"


def changed(weights: Path, folder: Path, **values: Any) -> Path:
    """Le même fichier, des champs changés."""
    found = torch.load(weights, weights_only=False) | values
    path = folder / "pytorch_model.bin"
    torch.save(found, path)
    return path


class Trap:
    """Objet dont la lecture écrit un fichier."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.makedirs, (str(self.path), 0o700, True)


def test_weights_are_read(weights: Path) -> None:
    model = read_model(weights)
    expected = torch.load(weights, weights_only=False)["state_dict"]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_what_the_file_would_run_does_not_run(weights: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "ouvert"
    path = changed(weights, tmp_path, callbacks=Trap(sprung))
    with pytest.raises(ModelLoadFailed, match=r"autre chose que des poids.*makedirs") as caught:
        read_model(path)
    assert not sprung.exists() and caught.value.metadata["field"] == "options.trust_checkpoint"
    read_model(path, trusted=True)
    assert sprung.exists()


def test_only_the_architectures_of_pyannote_are_imported(weights: Path, tmp_path: Path) -> None:
    told = torch.load(weights, weights_only=False)["pyannote.audio"]
    for module in ("this", "os", "pyannote.audio.modelsautre"):
        own = told | {"architecture": {"module": module, "class": "PyanNet"}}
        path = changed(weights, tmp_path, **{"pyannote.audio": own})
        with pytest.raises(ModelLoadFailed, match=r"n'est pas de pyannote\.audio"):
            read_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"n'importe quoi" * 9])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content)
    with pytest.raises(ModelLoadFailed, match=r"pytorch_model\.bin n'est pas lu"):
        read_model(path)


def test_a_file_of_tensors_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelLoadFailed, match=r"pytorch_model\.bin n'est pas lu"):
        read_model(path)
