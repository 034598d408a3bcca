"""Produit `gen/` et les routes du README depuis `protos/` ; avec `--check`, dit seulement s'ils sont à jour."""

import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[1]
GEN = ROOT / "gen"
DESCRIPTOR = "passerelle.binpb"
"""Contrat public et ses imports."""
ENVOY_DESCRIPTOR = "envoy.binpb"
"""Le même, tel que le transcodeur d'Envoy le lit : un corps d'inférence y passe par morceaux, sans qu'il le garde."""
REFLECTION_DESCRIPTOR = "reflection.binpb"
"""Contrat de la réflexion v1, pour qu'elle se décrive elle-même."""
README = "README.md"


def generate(folder: Path) -> None:
    """Écrit tout sous `folder`."""
    buf = str(ROOT / ".venv" / "bin" / "buf")
    subprocess.run([buf, "generate", "--output", str(folder)], cwd=ROOT, check=True)
    # google.rpc est joint : sans ErrorInfo, le transcodeur ne saurait pas écrire le détail d'une erreur.
    public = ("--path", "protos/passerelle/v1", "--path", "protos/google")
    output = str(folder / "gen" / DESCRIPTOR)
    subprocess.run([buf, "build", "--exclude-source-info", *public, "-o", output], cwd=ROOT, check=True)
    reflection = ("--path", "protos/grpc", "-o", str(folder / "gen" / REFLECTION_DESCRIPTOR))
    subprocess.run([buf, "build", "--exclude-source-info", *reflection], cwd=ROOT, check=True)
    (folder / "gen" / ENVOY_DESCRIPTOR).write_bytes(for_envoy(Path(output).read_bytes()))
    # Un processus neuf : il lit les descripteurs qu'on vient d'écrire, non ceux de gen/.
    path = os.pathsep.join([str(folder / "gen" / "python"), str(ROOT)])
    command = [sys.executable, "-m", "tools.routes", str(folder)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=True)


def for_envoy(contract: bytes) -> bytes:
    """Contrat dont toute méthode qui reçoit un HttpBody le reçoit par morceaux.

    Un message seul et ceux d'un flux ont la même forme sur le fil : `server/rpc/bodies.py` joint ce qui vient.
    """
    found = descriptor_pb2.FileDescriptorSet.FromString(contract)
    for method in (method for file in found.file for service in file.service for method in service.method):
        method.client_streaming |= method.input_type == ".google.api.HttpBody"
    return found.SerializeToString(deterministic=True)


def differences(expected: Path, found: Path) -> list[str]:
    """Fichiers absents, en trop ou différents."""
    names = {path.relative_to(root) for root in (expected, found) for path in root.rglob("*") if path.is_file()}
    kept = sorted(name for name in names if "__pycache__" not in name.parts)
    return [str(name) for name in kept if not _same(expected / name, found / name)]


def _same(first: Path, second: Path) -> bool:
    return first.is_file() and second.is_file() and filecmp.cmp(first, second, shallow=False)


def main(arguments: list[str]) -> int:
    """Produit ou vérifie ; rend le code de sortie."""
    if "--check" not in arguments:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = differences(Path(folder) / "gen", GEN)
        stale += [] if _same(Path(folder) / README, ROOT / README) else [README]
    if stale:
        print(f"Ce que protos/ produit n'est pas à jour : lancez « make gen » ({', '.join(stale)}).", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
