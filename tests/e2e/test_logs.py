"""Ce qu'un serveur écrit : une même forme de ligne, un niveau qui se change en marche, jamais ce que disent les requêtes."""

import json
import os
import re
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import audio_files
from tests.support.collector import Collector
from tests.support.product import ROOT, Product
from tests.support.tls import SSL
from tests.support.waiting import wait_until

CANARY = "serinjaune"
"""Mot que porte tout ce que les requêtes contiennent, et que rien ne doit écrire."""
SPOKEN = audio_files.DATA / "en" / "austen-0870.wav"
COMMON = {"time", "level", "logger", "event", "process_name"}


def lines_of(product: Product) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lignes de tous les journaux, et le fichier de chacune."""
    for path in sorted((product.run_dir / "logs").glob("*.log")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.stem, json.loads(line)


def written(product: Product) -> dict[str, bytes]:
    """Tout ce que le serveur a écrit : journaux, prises, état, sortie, mesures, fenêtre et usage."""
    key = {"authorization": f"Bearer {product.admin_key}"} if product.admin_key else {}
    found = {"serve.log": product.log.read_bytes()}
    for folder in (product.run_dir, product.cache_dir / ".passerelle"):
        for path in (one for one in folder.rglob("*") if stat.S_ISREG(os.lstat(one).st_mode)):
            found[str(path)] = path.read_bytes()
    for address in ("/metrics", "/api/requests", "/api/usage", "/api/admin/status", "/readyz"):
        found[address] = httpx.get(f"{product.base_url}{address}", headers=key, verify=SSL, timeout=60).content
    return found


def leaked(product: Product, words: str) -> list[str]:
    """Où ces mots sont écrits, sans regard à la casse."""
    return [name for name, data in written(product).items() if re.search(re.escape(words.encode()), data, re.I)]


def refused_by_envoy(product: Product) -> None:
    """Attend qu'Envoy ait écrit ce qu'il a refusé, dont cette dernière requête."""
    mark = f"fin-{uuid.uuid4().hex}"
    with product.http() as http:
        http.get(f"/v1/{CANARY}", headers={"x-request-id": mark})
    wait_until(lambda: any(mark in line.values() for _, line in lines_of(product)), "les refus d'Envoy s'écrivent")


def hostile(product: Product) -> None:
    """Toutes sortes de requêtes, bonnes et mauvaises, qui portent le mot partout."""
    tool = {"type": "function", "function": {"name": CANARY, "parameters": {"type": "object", "title": CANARY}}}
    messages = [{"role": "system", "content": CANARY}, {"role": "user", "content": f"Répète : {CANARY}"}]
    chat = {"model": "qwen", "messages": messages, "max_tokens": 8, "user": CANARY}
    bodies: tuple[dict[str, Any], ...] = (
        chat,
        {**chat, "stream": True},
        {**chat, "tools": [tool], "tool_choice": "none"},
        {**chat, "model": CANARY},
        {**chat, CANARY: CANARY},
        {**chat, "stop": {CANARY: CANARY}},
        {**chat, "response_format": {"type": CANARY}},
        {**chat, "messages": [{"role": CANARY, "content": CANARY}]},
    )
    with product.http() as http:
        for body in bodies:
            http.post(
                f"/v1/chat/completions?{CANARY}={CANARY}", json=body, headers={"x-entete": CANARY, "cookie": CANARY}
            )
        http.post("/v1/completions", json={"model": "qwen", "prompt": CANARY, "max_tokens": 4})
        http.post("/v1/chat/completions", content=f'{{"{CANARY}')
        for path in (f"/v1/{CANARY}", f"/{CANARY}?{CANARY}", f"/api/{CANARY}"):
            http.get(path)
        bad = f"--b\r\ncontent-disposition: form-data; name={CANARY}; filename={CANARY}.wav\r\n\r\n{CANARY}".encode()
        for path in ("/v1/audio/transcriptions", "/api/audio/transcribe", "/api/diarization/process"):
            http.post(
                f"{path}?language={CANARY}", content=bad, headers={"content-type": "multipart/form-data; boundary=b"}
            )
            http.post(path, content=CANARY.encode(), headers={"content-type": "audio/wav"})
        http.post("/api/admin/log-level", json={"level": CANARY})
    for key in (CANARY, f"psl_{'a' * 12}_{CANARY}", f"cle-a {CANARY}"):
        with product.http(key=key) as http:
            http.post("/v1/chat/completions", json=chat)
            http.get(f"/v1/models?api_key={CANARY}")


@pytest.mark.parametrize("kind", ["product", "guarded"])
def test_nothing_a_request_says_is_written(kind: str, request: pytest.FixtureRequest) -> None:
    product: Product = request.getfixturevalue(kind)
    product.ensure_ready()
    hostile(product)
    refused_by_envoy(product)
    assert leaked(product, CANARY) == []
    assert b"MODEL_NOT_FOUND" in b"".join(written(product).values())


def test_a_request_is_one_trace_from_the_door_to_the_engine(guarded: Product, collector: Collector) -> None:
    guarded.ensure_ready()
    trace, parent = uuid.uuid4().hex, "b7ad6b7169203331"
    body = {"model": "qwen", "messages": [{"role": "user", "content": CANARY}], "max_tokens": 2}
    with guarded.http() as http:
        headers = {"traceparent": f"00-{trace}-{parent}-01"}
        answer = http.post(f"/v1/chat/completions?{CANARY}={CANARY}", json=body, headers=headers)
        assert answer.status_code == 200
    spans = collector.trace(trace, 5)
    assert spans.keys() >= {"ingress", "chat qwen", "receive", "load", "engine"}
    assert spans["ingress"].parent_span_id.hex() == parent
    assert spans["chat qwen"].parent_span_id == spans["ingress"].span_id
    assert spans["engine"].parent_span_id == spans["chat qwen"].span_id
    assert CANARY.encode() not in collector.raw


def test_nothing_that_is_heard_is_written(product: Product) -> None:
    product.ensure_ready("canary")
    with product.http(timeout=180) as http:
        sent = {"file": (f"{CANARY}.wav", SPOKEN.read_bytes())}
        text = http.post("/v1/audio/transcriptions", files=sent, data={"model": "whisper-1"}).json()["text"]
    heard = " ".join(text.split()[2:5])
    assert len(heard) > 8
    assert leaked(product, heard) == [] and leaked(product, f"{CANARY}.wav") == []


def test_every_line_of_every_process_has_the_same_form(product: Product) -> None:
    product.ensure_ready()
    seen = {}
    for name, line in lines_of(product):
        assert line.keys() >= COMMON, (name, line)
        assert line["process_name"] == name
        seen[name] = line
    assert seen.keys() >= {"control", "envoy", "front-0", "qwen-0"}


def test_the_level_changes_everywhere_at_once_and_comes_back(product: Product) -> None:
    product.ensure_ready()

    def ask(*words: str) -> str:
        command = [sys.executable, "-m", "server.cli", "--address", product.target, "log-level", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ).stdout

    def followed(after: str, supervisor: str) -> bool:
        changed = {name for name, line in lines_of(product) if line.get("after") == after}
        return (
            changed >= {"control", "dashboard", "front-0", "qwen-0"}
            and f'"after":"{supervisor}"' in product.log.read_text()
        )

    assert ask("debug").startswith("journal : debug")
    try:
        wait_until(lambda: followed("DEBUG", "DEBUG"), "tous les processus suivent")
        hostile(product)
        wait_until(lambda: any(line["event"] == "replica_chosen" for _, line in lines_of(product)), "le détail s'écrit")
        assert leaked(product, CANARY) == []
    finally:
        assert ask("configured") == "journal : info (réglages : info)\n"
    # Le superviseur, dont la sortie est un terminal, est plus discret.
    wait_until(lambda: followed("INFO", "WARNING"), "tous y reviennent")
    acts = (product.cache_dir / ".passerelle" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(act) for act in acts if "SetLogLevel" in act]
    assert {"log_level": "DEBUG"} in [act["after"] for act in told if act["outcome"] == "OK"]
