"""Un plan de contrôle qui ne tient plus : l'inférence et les clés nommées continuent, `/readyz` et la page disent pourquoi,
et il revient seul.
"""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
from passerelle.v1 import chat_pb2, chat_pb2_grpc, rest_pb2, rest_pb2_grpc

from tests.support.parts import PARTS, by_argument, strike
from tests.support.product import ROOT, Product, running_product, wait_until
from tests.support.tls import SSL

CHAT = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": 4}
SHORT = chat_pb2.GenerationOptions(max_tokens=4)


def readiness(product: Product) -> tuple[int, list[str]]:
    response = httpx.get(f"{product.base_url}/readyz", timeout=10, verify=SSL)
    return response.status_code, response.json()["reasons"]


def chats(product: Product, key: str) -> bool:
    with product.http(key) as http:
        return http.post("/v1/chat/completions", json=CHAT).status_code == 200


def keys(product: Product, *arguments: str) -> str:
    """`passerelle keys`, sous le compte du serveur et sans clé."""
    env = {
        "PATH": os.environ["PATH"],
        "PASSERELLE_RUN_BASE": str(product.run_dir.parent),
        "HOST_PORT": str(product.port),
    }
    command = [str(ROOT / "passerelle"), "keys", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def outcome(product: Product, front: int, key: str) -> str:
    """Ce qu'un front répond de lui-même à une clé : un code d'OpenAI, ou rien si elle passe."""
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    options = (("grpc.default_authority", "localhost"),)
    with grpc.insecure_channel(f"unix:{product.run_dir}/front-{front}.sock", options) as channel:
        call: Any = rest_pb2_grpc.RestServiceStub(channel).ListOpenAiModels(
            rest_pb2.ListOpenAiModelsRequest(), metadata=metadata, timeout=60, wait_for_ready=True
        )
        found = json.loads(b"".join(part.data for part in call))
    return str(found["error"]["code"]) if "error" in found else ""


def talk(product: Product, key: str) -> None:
    """Une conversation par le front qui vivra : un front tué perd ce qu'il n'avait pas encore dit."""
    options = (("grpc.default_authority", "localhost"),)
    said = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text="Bonjour")])
    with grpc.insecure_channel(f"unix:{product.run_dir}/front-0.sock", options) as channel:
        request = chat_pb2.ChatRequest(model="qwen", messages=[said], options=SHORT)
        metadata = (("authorization", f"Bearer {key}"),)
        chat_pb2_grpc.ChatServiceStub(channel).Chat(request, metadata=metadata, timeout=60)


def counted(product: Product, admin: str, key: str) -> int:
    """Conversations menées à bien que l'usage compte à cette clé."""
    asked = {"query.step": "USAGE_STEP_ALL", "query.model": "qwen", "query.key": key[:14]}
    with product.http(admin) as http:
        found = http.get("/api/usage", params=asked).json()
    return int(sum(row["outcomes"].get("OK", 0) for row in found["rows"]))


def spaced_out(product: Product) -> bool:
    return '"process_spaced_out"' in product.log.read_text(errors="replace")


def test_inference_outlives_a_control_plane_that_keeps_dying(tmp_path: Path) -> None:
    with running_product(tmp_path, env={"PASSERELLE_RESTART_PAUSE": "2", "PASSERELLE_FRONTS": "2"}) as product:
        product.ensure_ready()
        assert chats(product, "")
        kept, revoked, counting = [keys(product, "create", "--owner", "essai") for _ in range(3)]
        # Effectif à la réponse, sur chaque front : rien n'est attendu ici.
        expected = {kept: "", revoked: "", "": "invalid_api_key"}
        assert {key: outcome(product, front, key) for front in (0, 1) for key in expected} == expected
        expected[revoked] = "revoked_api_key"
        keys(product, "revoke", revoked[:14])
        assert {key: outcome(product, front, key) for front in (0, 1) for key in expected} == expected
        worker = PARTS["qwen"].pid(product)
        journal = product.cache_dir / ".passerelle" / "journal.sqlite"
        aside = journal.with_name("ailleurs.sqlite")
        # Un dossier à la place de la base : root lui-même ne peut pas l'ouvrir.
        journal.rename(aside)
        journal.mkdir()
        talk(product, counting)
        talk(product, counting)
        # Tué aussitôt : ce qui n'était pas écrit sera redit par les fronts, une fois.
        strike(product, "control", signal.SIGKILL)
        wait_until(lambda: readiness(product)[0] == 503, 60, "/readyz le dit")
        wait_until(lambda: spaced_out(product), 60, "relancé de loin en loin")
        assert product.process.poll() is None and chats(product, kept)
        talk(product, counting)
        assert {key: outcome(product, 0, key) for key in expected} == expected
        # Un front né pendant ce temps a les clés, lui aussi ; il n'a pas encore les modèles.
        struck = strike(product, "front-1", signal.SIGKILL)
        wait_until(lambda: PARTS["front-1"].pid(product) not in (0, struck), 60, "front revenu")
        born = expected | {kept: "control_unavailable"}
        assert {key: outcome(product, 1, key) for key in born} == born
        code, [reason] = readiness(product)
        assert code == 503 and "Le plan de contrôle ne répond pas" in reason
        assert f"journal_refused : {journal} : c'est un dossier" in reason
        # Rien à redémarrer : la cause est ailleurs.
        assert httpx.get(f"{product.base_url}/healthz", timeout=10, verify=SSL).status_code == 200
        journal.rmdir()
        aside.rename(journal)
        wait_until(lambda: readiness(product) == (200, []), 60, "prêt de nouveau")
        assert PARTS["qwen"].pid(product) == worker and product.model()["state"] == "MODEL_STATE_READY"
        admin = keys(product, "create", "--scope", "admin")
        wait_until(lambda: counted(product, admin, counting) == 3, 60, "aucun usage perdu, ni compté deux fois")


def test_the_supervisor_ends_when_no_front_holds(tmp_path: Path) -> None:
    with running_product(tmp_path, env={"PASSERELLE_FRONTS": "1"}) as product:
        front, killed = by_argument("front", "--index", "0"), set[int]()

        def given_up() -> bool:
            pid = front(product) if product.process.poll() is None else 0
            if pid and pid not in killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            return product.process.poll() is not None

        wait_until(given_up, 120, "le superviseur s'arrête")
        assert product.process.returncode == 1 and len(killed) >= 10
        assert "Passerelle s'arrête : front-0 est tombé trop souvent" in product.log.read_text(errors="replace")
        assert not product.run_dir.exists()
