"""La matrice des clients du dehors : chacun essaie tout, et le tableau de docs/clients.md s'écrit de ce qu'ils disent.

`python -m tests.support.clients` joue tout et réécrit le tableau.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx

from tests.support.audio_files import DATA
from tests.support.product import ROOT, Product, running_product, wait_until
from tests.support.tls import SSL
from tools.clients import CLIENTS, Client

PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- matrice -->\n", "<!-- fin de la matrice -->\n"

KEY = "cle-des-clients"
SPEECH = DATA / "en" / "austen-0870.wav"
SECONDS = 300

CASES = {
    "models": "modèles",
    "chat": "réponse",
    "stream": "flux",
    "schema": "schéma JSON",
    "tools": "outil",
    "audio": "transcription",
    "bad_key": "clé fausse",
    "unknown_model": "modèle inconnu",
    "overflow": "contexte dépassé",
    "full_queue": "file pleine",
    "embeddings": "service absent",
}
"""Essais, et leur nom dans le tableau ; les derniers sont des refus, que le client doit reconnaître."""
REFUSALS = ("bad_key", "unknown_model", "overflow", "full_queue", "embeddings")


@dataclass(frozen=True)
class Result:
    """Ce qu'un client a fait d'un essai."""

    works: bool | None
    """`None` : il n'a rien pour cela."""
    said: str
    """L'erreur reconnue, la cause d'un échec, ou pourquoi il n'a rien."""


@contextmanager
def served(folder: Path) -> Iterator[Product]:
    """Produit à clé : une requête à la fois, une en attente, un contexte qu'on dépasse sans peine."""
    text = (ROOT / "server" / "profiles" / "embarque.toml").read_text(encoding="utf-8")
    for before, after in (
        ("max_waiting = 16", "max_waiting = 1"),
        ("context_tokens = 4096", "context_tokens = 1024"),
        ("parallel = 4", "parallel = 1"),
        ("context_tokens_per_request = 4096", "context_tokens_per_request = 1024"),
    ):
        assert before in text, before
        text = text.replace(before, after, 1)
    profile = folder / "clients.toml"
    profile.write_text(text, encoding="utf-8")
    with running_product(folder, env={"PASSERELLE_PROFILE": str(profile), "OPENAI_KEYS": KEY}) as product:
        for key in ("qwen", "canary"):
            assert product.admin("download", key, wait=True).status_code == 200
            assert product.admin("load", key, wait=True).status_code == 200
        yield product


def offers_tools(product: Product) -> bool:
    """Vrai si le modèle de ce produit annonce les outils."""
    with product.http() as client:
        models = client.get("/api/capabilities").json()["models"]
    return "tools" in next(model["features"] for model in models if model["key"] == "qwen")


def results(client: Client, product: Product) -> Mapping[str, Result]:
    """Tous les essais d'un client ; celui de la file pleine est mené devant une file pleine."""
    found = dict(_play(client, product, [case for case in CASES if case != "full_queue"]))
    with full_queue(product):
        found |= _play(client, product, ["full_queue"])
    return found


def _play(client: Client, product: Product, names: Sequence[str]) -> Iterator[tuple[str, Result]]:
    # Le prix des modèles, que LiteLLM irait chercher ailleurs à chaque import.
    environ = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    environ.pop("PYTHONPATH", None)
    done = subprocess.run(
        [*client.command, product.base_url, KEY, str(SPEECH), *names],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            yield said["case"], Result(said["works"], said["said"])


@contextmanager
def full_queue(product: Product) -> Iterator[None]:
    """Une requête en cours et une en attente, de la même clé que les clients, le temps du bloc."""
    ended = threading.Event()
    body = {
        "model": "qwen",
        "messages": [{"role": "user", "content": "Tell a long story about the sea."}],
        "max_tokens": 800,
        "ignore_eos": True,
        "stream": True,
    }

    def hold() -> None:
        while not ended.is_set():
            with product.http() as client, client.stream("POST", "/v1/chat/completions", json=body) as stream:
                for _ in stream.iter_lines():
                    if ended.is_set():
                        break
            time.sleep(0.01)

    holders = [threading.Thread(target=hold) for _ in range(3)]
    for holder in holders:
        holder.start()
    try:
        wait_until(lambda: _load(product) == (1, 1), 60, "file pleine")
        yield
    finally:
        ended.set()
        for holder in holders:
            holder.join(60)
        wait_until(lambda: _load(product) == (0, 0), 60, "file vide")


def _load(product: Product) -> tuple[int, int]:
    headers = {"authorization": f"Bearer {KEY}"}
    status = httpx.get(f"{product.base_url}/api/admin/status", headers=headers, timeout=10, verify=SSL).json()["status"]
    [replica] = next(model["replicas"] for model in status["models"] if model["key"] == "qwen")
    return replica["running_requests"], replica["waiting_requests"]


def table(found: Mapping[str, Mapping[str, Result]], versions: Mapping[str, str]) -> str:
    """Tableau, un client par ligne, puis ce que les cases ne disent pas."""
    notes: list[str] = []

    def cell(case: str, result: Result) -> str:
        if result.works is None:
            return "—"
        if result.works:
            return f"`{result.said}`" if case in REFUSALS else "oui"
        if result.said not in notes:
            notes.append(result.said)
        return f"non ({notes.index(result.said) + 1})"

    titles = ["client", "version", *CASES.values()]
    rows = [
        [title, versions[title], *(cell(case, answers[case]) for case in CASES)] for title, answers in found.items()
    ]
    lines = [f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *rows)]
    lines += ["", *(f"- ({number}) {note}" for number, note in enumerate(notes, 1))]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Joue la matrice et réécrit la page."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as product:
        found = {client.title: results(client, product) for client in CLIENTS}
    versions = {client.title: client.version() for client in CLIENTS}
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    dated = f"Relevé le {date.today().isoformat()}.\n\n"
    PAGE.write_text(f"{before}{BEGIN}\n{dated}{table(found, versions)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
