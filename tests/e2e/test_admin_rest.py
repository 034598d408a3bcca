"""L'administration par REST : états, téléchargements, chargements, sondes."""

import json
import re

import httpx

from tests.support.product import Product, wait_until
from tests.support.tls import SSL


def test_every_model_downloads_and_verifies(product: Product) -> None:
    for key in ("canary", "pyannote"):
        response = product.admin("download", key, wait=True)
        assert response.status_code == 200, response.text
        model = product.model(key)
        assert model["artifacts_cached"] and model["cached_bytes"] == model["total_bytes"] > 0


def test_probes(product: Product) -> None:
    with product.http() as http:
        assert http.get("/healthz").status_code == 200
        ready = http.get("/readyz")
        assert ready.status_code == 200 and json.loads(ready.text)
        metrics = http.get("/metrics")
    assert metrics.status_code == 200
    for name in ("passerelle_model_replicas{", "passerelle_stream_window_seconds ", "passerelle_rpc_seconds_bucket{"):
        assert name in metrics.text
    # Une page pour tous : fronts, plan de contrôle, Envoy, et les processus eux-mêmes.
    processes = set(re.findall(r'^passerelle_process_up{process="([\w-]+)"} 1.0$', metrics.text, re.M))
    assert processes >= {"supervisor", "control", "envoy", "dashboard", "front-0"}
    assert "\npasserelle_envoy_up 1.0\n" in metrics.text
    assert 'passerelle_envoy_upstream_healthy{cluster="fronts"} 1.0' in metrics.text
    assert "\npasserelle_build_info{" in metrics.text


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


def test_a_request_is_in_the_measures_under_its_key(guarded: Product) -> None:
    body = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": 2, "stream": True}
    with guarded.http() as http:
        assert http.post("/v1/chat/completions", json=body).text.endswith("data: [DONE]\n\n")
        assert (
            http.post("/v1/chat/completions", json=body, headers={"authorization": "Bearer fausse"}).status_code == 401
        )

        def counted() -> bool:
            text = http.get("/metrics").text
            return (
                all(
                    re.search(f"^passerelle_{wanted} [1-9]", text, re.M)
                    for wanted in (
                        r'prompt_tokens_total{key="k0",model="qwen"}',
                        r'generation_tokens_total{key="k0",model="qwen"}',
                        r'requests_total{kind="chat",model="qwen",status="OK"}',
                        r'time_to_first_token_seconds_count{model="qwen"}',
                        r'errors_total{reason="INVALID_API_KEY"}',
                        r'replica_max_running{model="qwen",replica="qwen-0"}',
                        r'process_resident_memory_bytes{process="qwen-0"}',
                    )
                )
                and 'passerelle_queue_waiting{class="settings_key",model="qwen",replica="qwen-0"} 0.0' in text
            )

        wait_until(counted, 60, "requête dans les mesures")
