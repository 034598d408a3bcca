"""Recalcule les verrous de `locks/` depuis les groupes de `pyproject.toml`, avec uv.

`python3 -m tools.locks [nom]…` ; sans nom, tous. Une version déjà verrouillée y reste tant qu'elle convient :
`python3 -m tools.locks --upgrade` prend les plus récentes.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"

UV = (
    *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--fork-strategy", "fewest"),
    *("--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
)
"""Un verrou vaut pour Python 3.11 et 3.12, sous Linux x86-64 (`[tool.uv] environments`)."""

_CUDA13 = "pilote NVIDIA 580 ou plus récent (CUDA 13)"
_CUDA12 = "pilote NVIDIA 550 à 579 (CUDA 12.4 et suivants)"
_RESOLVED = "résolu, jamais exécuté"
_TORCH_APART = "torch n'y est pas : il s'installe d'abord et à part, en version processeur."


@dataclass(frozen=True)
class Lock:
    """Un verrou : un groupe de dépendances, et ce qu'il faut en savoir avant de l'installer."""

    name: str
    """Nom du fichier, sans `.txt`."""
    purpose: tuple[str, ...]
    """En-tête, une ligne par élément."""
    group: str = ""
    """Groupe de `pyproject.toml` ; vide : celui du nom."""
    excludes: tuple[str, ...] = ()
    """Fichiers des paquets laissés hors du verrou."""
    constraint: str = ""
    """Verrou dont les versions s'imposent."""
    options: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Fichier du verrou."""
        return LOCKS / f"{self.name}.txt"


_NO_TORCH = ("hors-verrou.txt",)
_NO_DECODER = ("hors-verrou-dgx.txt",)

ALL = (
    Lock(
        "embarque",
        ("Profil embarqué, sur processeur : le produit et ses trois moteurs.", _TORCH_APART),
        excludes=_NO_TORCH,
    ),
    Lock("embarque-poids", ("Poids de démonstration du profil embarqué.",), group="poids", options=("--no-deps",)),
    Lock("dev", ("Outils de vérification, à côté du profil embarqué.",), excludes=_NO_TORCH, constraint="embarque"),
    Lock(
        "serveur",
        ("Superviseur, fronts, plan de contrôle, tableau de bord et Envoy : l'environnement léger, sans torch.",),
        constraint="embarque",
    ),
    Lock(
        "dgx-vllm-cuda13",
        (f"Moteur vLLM ; {_CUDA13}.", "vLLM 0.26.0 et torch 2.11.0 (CUDA 13) ont tourné sur un H200."),
    ),
    Lock("dgx-vllm-cuda12", (f"Moteur vLLM ; {_CUDA12}.", f"{_RESOLVED.capitalize()}.")),
    Lock(
        "dgx-nemo-cuda13",
        (f"Moteur NeMo ; {_CUDA13}.", "NeMo 3.0.0 et torch 2.11.0 (CUDA 13) ont tourné sur un H200."),
        excludes=_NO_DECODER,
    ),
    Lock("dgx-nemo-cuda12", (f"Moteur NeMo ; {_CUDA12}.", f"{_RESOLVED.capitalize()}."), excludes=_NO_DECODER),
    Lock(
        "dgx-pyannote-cuda13",
        (f"Moteur pyannote ; {_CUDA13}.", "pyannote.audio 4.0.7 et torch 2.11.0 (CUDA 13) ont tourné sur un H200."),
        excludes=_NO_DECODER,
    ),
    Lock("dgx-pyannote-cuda12", (f"Moteur pyannote ; {_CUDA12}.", f"{_RESOLVED.capitalize()}."), excludes=_NO_DECODER),
    *(
        Lock(f"client-{name}", (f"Client du dehors : {title} (make test-peers).",))
        for name, title in (
            ("langchain", "LangChain"),
            ("llama-index", "LlamaIndex"),
            ("pydantic-ai", "Pydantic AI"),
            ("instructor", "Instructor"),
            ("litellm", "LiteLLM"),
            ("llm", "llm"),
        )
    ),
    Lock("essais-vllm", ("Essais de vLLM sur processeur (make test-engines).", _TORCH_APART), excludes=_NO_TORCH),
    Lock(
        "essais-nemo",
        ("Essais de NeMo sur processeur (make test-engines).", _TORCH_APART),
        excludes=(*_NO_TORCH, *_NO_DECODER),
    ),
    Lock(
        "essais-pyannote",
        ("Essais de pyannote sur processeur (make test-engines).", _TORCH_APART),
        excludes=(*_NO_TORCH, *_NO_DECODER),
    ),
)


def compile_lock(lock: Lock, options: list[str]) -> None:
    """Recalcule un verrou ; l'ancien donne ses versions, sauf avec `--upgrade`."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / lock.path.name
        if lock.path.is_file():
            written.write_text(lock.path.read_text(encoding="utf-8"), encoding="utf-8")
        command = [*UV, *lock.options, *options, "--group", lock.group or lock.name, "-o", str(written)]
        for name in lock.excludes:
            command += ["--excludes", f"locks/{name}"]
        if lock.constraint:
            command += ["-c", f"locks/{lock.constraint}.txt"]
        subprocess.run(command, cwd=ROOT, check=True)
        header = "".join(f"# {line}\n" for line in (*lock.purpose, "Écrit par « make locks »."))
        lock.path.write_text(header + written.read_text(encoding="utf-8"), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Recalcule les verrous nommés ; rend le code de sortie."""
    options = [argument for argument in arguments if argument.startswith("-")]
    names = [argument for argument in arguments if not argument.startswith("-")]
    unknown = sorted(set(names) - {lock.name for lock in ALL})
    if unknown:
        print(
            f"Verrou inconnu : {', '.join(unknown)} (connus : {', '.join(lock.name for lock in ALL)}).", file=sys.stderr
        )
        return 2
    for lock in ALL:
        if not names or lock.name in names:
            print(f"→ {lock.path.relative_to(ROOT)}", flush=True)
            try:
                compile_lock(lock, options)
            except FileNotFoundError:
                print("uv est introuvable : « pip install uv ».", file=sys.stderr)
                return 1
            except subprocess.CalledProcessError as error:
                return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
