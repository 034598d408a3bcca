"""L'administration par REST : états, téléchargements, chargements, sondes."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from tests.support.product import Product, running_product, sse_events, wait_until
from tests.support.tls import SSL


def test_the_whole_life_of_a_model(tmp_path: Path) -> None:
    """Un cache vide, puis télécharger, charger, décharger ; l'état suit, aussi après un redémarrage."""
    with running_product(tmp_path) as product:
        first = product.model()
        assert first["state"] == "MODEL_STATE_UNAVAILABLE" and not first["artifacts_cached"]
        assert product.admin("load", "inconnu").status_code == 404

        operation = product.admin("download", wait=True).json()["operation"]
        assert operation["state"] == "OPERATION_STATE_SUCCEEDED", operation
        cached = product.model()
        assert cached["state"] == "MODEL_STATE_CACHED" and cached["artifacts_cached"]
        assert cached["cached_bytes"] == cached["total_bytes"] > 98_000_000

        operation = product.admin("load", wait=True).json()["operation"]
        assert operation["state"] == "OPERATION_STATE_SUCCEEDED", operation
        ready = product.model()
        assert ready["state"] == "MODEL_STATE_READY" and ready["replicas"][0]["pid"] > 0
        assert product.admin("load", wait=True).status_code == 200

        operation = product.admin("unload", wait=True).json()["operation"]
        assert operation["state"] == "OPERATION_STATE_SUCCEEDED", operation
        assert product.model()["state"] == "MODEL_STATE_CACHED"
        assert not [p for p in product.processes() if "worker" in p.cmdline()]

    with running_product(tmp_path) as again:
        assert again.model()["state"] == "MODEL_STATE_CACHED"
        operations = httpx.get(f"{again.base_url}/api/admin/operations", verify=SSL).json()["operations"]
        assert {o["kind"] for o in operations} >= {
            "OPERATION_KIND_DOWNLOAD",
            "OPERATION_KIND_LOAD",
            "OPERATION_KIND_UNLOAD",
        }
        unload = next(o for o in operations if o["kind"] == "OPERATION_KIND_UNLOAD")
        assert unload["freed_bytes"] == 0 and unload["elapsed"]
        load = next(o for o in operations if o["kind"] == "OPERATION_KIND_LOAD")
        taken = {step["phase"]: float(step["duration"].removesuffix("s")) for step in load["phases"]}
        assert "spawning" in taken and sum(taken.values()) > 0
        filters = {"kinds": ["OPERATION_KIND_UNLOAD", "OPERATION_KIND_LOAD"], "states": "OPERATION_STATE_SUCCEEDED"}
        kept = httpx.get(f"{again.base_url}/api/admin/operations", params=filters, verify=SSL).json()["operations"]
        assert [o["id"] for o in kept] == [o["id"] for o in operations if o["kind"] in filters["kinds"]]
        journal = sqlite3.connect(f"file:{again.cache_dir}/.passerelle/journal.sqlite?mode=ro", uri=True)
        with closing(journal) as db:
            rows = [state for (state,) in db.execute("SELECT state FROM transitions WHERE model = 'qwen' ORDER BY seq")]
    states = [state for index, state in enumerate(rows) if index == 0 or rows[index - 1] != state]
    life = ["UNAVAILABLE", "DOWNLOADING", "CACHED", "LOADING", "READY", "UNLOADING", "CACHED"]
    assert states[: len(life)] == life


def test_every_model_downloads_and_verifies(product: Product) -> None:
    for key in ("canary", "pyannote"):
        response = product.admin("download", key, wait=True)
        assert response.status_code == 200, response.text
        model = product.model(key)
        assert model["artifacts_cached"] and model["cached_bytes"] == model["total_bytes"] > 0


def test_a_request_loads_its_model(tmp_path: Path, product: Product) -> None:
    """`auto_download` et chargement à la demande : la première requête attend, un flux le dit en commentaires."""
    product.ensure_ready()
    with running_product(tmp_path, cache_dir=product.cache_dir, env={"PASSERELLE_FRONTS": "2"}) as lazy:
        assert lazy.model()["state"] == "MODEL_STATE_CACHED"
        body = {"model": "qwen", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": True}
        response = httpx.post(f"{lazy.base_url}/v1/chat/completions", json=body, timeout=60, verify=SSL)
        assert response.status_code == 200, response.text
        assert sse_events(response.text)[-1] == "[DONE]"
        assert lazy.model()["state"] == "MODEL_STATE_READY"


def test_load_at_start(tmp_path: Path, product: Product) -> None:
    product.ensure_ready()
    env = {"LAZY_LOAD_MODELS": "false"}
    with running_product(tmp_path, cache_dir=product.cache_dir, env=env) as eager:
        assert eager.model()["state"] == "MODEL_STATE_READY"


def test_removed_files_flip_the_badge(tmp_path: Path) -> None:
    with running_product(tmp_path) as product:
        assert product.admin("download", wait=True).status_code == 200
        for file in product.cache_dir.rglob("*.gguf"):
            file.unlink()
        wait_until(lambda: product.model()["state"] == "MODEL_STATE_UNAVAILABLE", 20, "badge retourné")


def test_probes(product: Product) -> None:
    with product.http() as http:
        assert http.get("/healthz").status_code == 200
        ready = http.get("/readyz")
        assert ready.status_code == 200 and json.loads(ready.text)
        metrics = http.get("/metrics")
    assert metrics.status_code == 200
    assert "passerelle_" in metrics.text


def test_capabilities_tell_limits_and_addresses(guarded: Product) -> None:
    found = httpx.get(f"{guarded.base_url}/api/capabilities", verify=SSL).json()
    assert found["limits"]["chat"]["max_n"] == 2
    assert found["limits"]["max_json_body_bytes"] == 65536
    assert {e["host"] for e in found["endpoints"]} == {"gpu.example", "10.0.0.5"}
    assert f"http://gpu.example:{guarded.port}/v1/chat/completions" in {e["url"] for e in found["endpoints"]}


def test_a_foreign_origin_is_refused(product: Product) -> None:
    path = f"{product.base_url}/api/admin/models/canary/unload"
    refused = httpx.post(path, json={}, headers={"origin": "https://ailleurs.example"}, verify=SSL)
    assert refused.status_code == 403
    assert refused.json()["error"]["reason"] == "FOREIGN_ORIGIN"
    accepted = httpx.post(path, json={}, headers={"origin": product.base_url}, verify=SSL)
    assert accepted.status_code == 200, accepted.text
