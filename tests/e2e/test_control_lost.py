"""Un plan de contrôle qui ne tient plus : l'inférence continue, `/readyz` et la page disent pourquoi, et il revient seul."""

import os
import signal
from pathlib import Path

import httpx

from tests.support.parts import PARTS, by_argument, strike
from tests.support.product import Product, running_product, wait_until
from tests.support.tls import SSL

CHAT = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": 4}


def readiness(product: Product) -> tuple[int, list[str]]:
    response = httpx.get(f"{product.base_url}/readyz", timeout=10, verify=SSL)
    return response.status_code, response.json()["reasons"]


def chats(product: Product) -> bool:
    response = httpx.post(f"{product.base_url}/v1/chat/completions", json=CHAT, timeout=60, verify=SSL)
    return response.status_code == 200


def spaced_out(product: Product) -> bool:
    return '"process_spaced_out"' in product.log.read_text(errors="replace")


def test_inference_outlives_a_control_plane_that_keeps_dying(tmp_path: Path) -> None:
    with running_product(tmp_path, env={"PASSERELLE_RESTART_PAUSE": "2"}) as product:
        product.ensure_ready()
        worker = PARTS["qwen"].pid(product)
        journal = product.cache_dir / ".passerelle" / "journal.sqlite"
        aside = journal.with_name("ailleurs.sqlite")
        # Un dossier à la place de la base : root lui-même ne peut pas l'ouvrir.
        journal.rename(aside)
        journal.mkdir()
        strike(product, "control", signal.SIGKILL)
        wait_until(lambda: readiness(product)[0] == 503, 60, "/readyz le dit")
        wait_until(lambda: spaced_out(product), 60, "relancé de loin en loin")
        assert product.process.poll() is None and chats(product)
        code, [reason] = readiness(product)
        assert code == 503 and "Le plan de contrôle ne répond pas" in reason
        assert f"journal_refused : {journal} : Is a directory" in reason
        # Rien à redémarrer : la cause est ailleurs.
        assert httpx.get(f"{product.base_url}/healthz", timeout=10, verify=SSL).status_code == 200
        journal.rmdir()
        aside.rename(journal)
        wait_until(lambda: readiness(product) == (200, []), 60, "prêt de nouveau")
        assert PARTS["qwen"].pid(product) == worker and product.model()["state"] == "MODEL_STATE_READY"


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
