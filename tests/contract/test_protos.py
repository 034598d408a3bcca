"""Le contrat : une rupture se voit, le code produit s'importe, tout est documenté."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
BUF = str(Path(sys.executable).parent / "buf")


def breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    """Compare une copie des protos au contrat publié."""
    shutil.copy(ROOT / "buf.yaml", protos.parent / "buf.yaml")
    command = [BUF, "breaking", "--against", str(ROOT / "protos" / "published.binpb")]
    return subprocess.run(command, cwd=protos.parent, capture_output=True, text=True, check=False)


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    """Copie des protos, à abîmer."""
    return Path(shutil.copytree(ROOT / "protos", tmp_path / "protos"))


def test_the_contract_is_compatible_with_the_published_one(protos: Path) -> None:
    done = breaking(protos)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("chat.proto", "string model = 1;", "uint32 model = 1;"),
        ("model.proto", "string display_name = 3;", "string shown_name = 3;"),
        ("transcribe.proto", "rpc Transcribe(", "rpc Transcrire("),
    ],
)
def test_a_broken_contract_is_refused(protos: Path, file: str, before: str, after: str) -> None:
    path = protos / "passerelle" / "v1" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    done = breaking(protos)
    assert done.returncode != 0
    assert file in done.stdout


def test_the_internal_contract_is_not_in_the_public_descriptor() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString((ROOT / "gen" / "passerelle.binpb").read_bytes())
    packages = {file.package for file in found.file}
    assert "passerelle.v1" in packages and "google.rpc" in packages
    assert not {"passerelle.control.v1", "passerelle.worker.v1"} & packages


@pytest.mark.parametrize("lock", sorted(path.name for path in (ROOT / "locks").glob("*.txt")))
def test_generated_code_suits_the_protobuf_of_every_lock(lock: str) -> None:
    """Un code produit pour une version refuse de s'importer sous une plus ancienne."""
    versions = re.findall(r"^protobuf==([\d.]+)", (ROOT / "locks" / lock).read_text(encoding="utf-8"), re.M)
    header = (ROOT / "gen" / "python" / "passerelle" / "v1" / "chat_pb2.py").read_text(encoding="utf-8")
    generated = tuple(map(int, re.findall(r"Protobuf Python Version: ([\d.]+)", header)[0].split(".")))
    for version in versions:
        locked = tuple(map(int, version.split(".")))
        assert locked[0] == generated[0] and locked >= generated, (lock, version, generated)
    if lock == "embarque.txt":
        assert versions == [importlib.metadata.version("protobuf")]
