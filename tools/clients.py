"""Installe les clients du dehors qu'essaie `tests/peers/test_clients.py`, chacun dans son environnement."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.steps import LOCKS, ROOT, Environment, run

SCRIPTS = ROOT / "tests" / "peers" / "clients"
NODE = SCRIPTS / "node"
SDK = ROOT / ".build" / "clients" / "openai"
"""Sources du SDK d'OpenAI, à la version et à l'empreinte de `locks/dev.txt` : ses essais ne sont pas dans sa roue."""


@dataclass(frozen=True)
class Client:
    """Un client : son nom pour une personne, son paquet, et ce qui le joue."""

    title: str
    package: str
    """Paquet dont la version se montre."""
    script: str
    """Essais, sous `tests/peers/clients/`."""
    lock: str = ""
    """Verrou ; vide : l'environnement des vérifications, ou celui de Node."""

    @property
    def environment(self) -> Environment:
        """Environnement Python."""
        return Environment(ROOT / ".build" / "clients" / self.lock if self.lock else ROOT / ".venv")

    @property
    def in_node(self) -> bool:
        """Vrai pour un client JavaScript."""
        return self.script.startswith("node/")

    @property
    def command(self) -> list[str]:
        """De quoi le jouer."""
        program = "node" if self.in_node else str(self.environment.python)
        return [program, str(SCRIPTS / self.script)]

    def version(self) -> str:
        """Version installée."""
        if self.in_node:
            script = f"console.log(JSON.parse(fs.readFileSync('node_modules/{self.package}/package.json')).version)"
            command = ["node", "-e", script]
        else:
            script = f"import importlib.metadata as m; print(m.version({self.package!r}))"
            command = [str(self.environment.python), "-c", script]
        return subprocess.run(command, cwd=NODE, check=True, capture_output=True, text=True).stdout.strip()


CLIENTS = (
    Client("openai, Python", "openai", "client_openai.py"),
    Client("openai, Node", "openai", "node/openai.mjs"),
    Client("AI SDK (Vercel)", "ai", "node/ai_sdk.mjs"),
    Client("LangChain", "langchain-openai", "client_langchain.py", "client-langchain"),
    Client("LlamaIndex", "llama-index-llms-openai-like", "client_llama_index.py", "client-llama-index"),
    Client("Pydantic AI", "pydantic-ai-slim", "client_pydantic_ai.py", "client-pydantic-ai"),
    Client("Instructor", "instructor", "client_instructor.py", "client-instructor"),
    Client("LiteLLM", "litellm", "client_litellm.py", "client-litellm"),
    Client("llm", "llm", "client_llm.py", "client-llm"),
)


def install() -> None:
    """Crée chaque environnement qui manque, ou dont le verrou a changé."""
    main = Environment(ROOT / ".venv")
    main.step(
        "sdk-openai",
        [LOCKS / "dev.txt", str(SDK.is_dir())],
        "les essais du SDK d'OpenAI",
        _sources,
        [LOCKS / "dev.txt", "True"],
    )
    for client in CLIENTS:
        if client.lock:
            client.environment.create(f"l'environnement de {client.title}")
            client.environment.lock(client.lock, f"{client.title} (de 50 à 260 Mo installés)", uv=True)
    lock, modules = NODE / "package-lock.json", NODE / "node_modules"
    main.step(
        "clients-node",
        [lock, "présents" if modules.is_dir() else "absents"],
        "les clients de Node (45 Mo)",
        lambda: run("npm", "ci", "--no-audit", "--no-fund", cwd=NODE),
        then=[lock, "présents"],
    )


def _sources() -> None:
    [pinned] = re.findall(r"^openai==.*?(?=^\S|\Z)", (LOCKS / "dev.txt").read_text(encoding="utf-8"), re.M | re.S)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "openai.txt"
        wanted.write_text(pinned, encoding="utf-8")
        options = ("--no-deps", "--no-binary", "openai", "--require-hashes", "--quiet", "-d", folder, "-r", str(wanted))
        run(*Environment(ROOT / ".venv").pip_command("download", *options))
        [archive] = Path(folder).glob("openai-*.tar.gz")
        with tarfile.open(archive) as found:
            found.extractall(folder, filter="data")
        shutil.rmtree(SDK, ignore_errors=True)
        SDK.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(Path(folder) / archive.name.removesuffix(".tar.gz")), SDK)
