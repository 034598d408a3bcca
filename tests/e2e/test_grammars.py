"""Des grammaires qui explosent, envoyées au produit entier : refusées, sans que les autres attendent."""

import threading
from typing import Any

import httpx
import psutil

from tests.support.product import Product

CHAT = "/v1/chat/completions"
GOOD = {"model": "qwen", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


def shape(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}


HOSTILE: list[dict[str, Any]] = [
    # Refusées par le front, en les mesurant.
    shape({"type": "array", "minItems": 2_000_000}),
    shape({"type": "array", "minItems": 200_000_000}),
    shape(
        {"$defs": {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}, "$ref": "#/$defs/d0"}
    ),
    {"response_format": {"type": "json_object", "schema": {"type": "string", "pattern": "(a{1,1000}){1,1000}"}}},
    {"grammar": "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000},
    # Refusées par l'exemplaire, en les essayant.
    shape({"allOf": [{"anyOf": [{"required": [f"a{i}{j}"]} for j in range(4)]} for i in range(12)]}),
    shape({"type": "object", "properties": {f"p{i}": {} for i in range(1000)}}),
    {"json_schema": {"type": "strng"}},
    shape({"type": "hiccup"}),
    shape({"type": "object", "properties": {"a": {"type": "string", "not": {"const": "b"}}}}),
    {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "type": "hiccup"}}},
    {"grammar": "root ::= " + '"a"? ' * 200},
]


def test_hostile_grammars_do_not_delay_the_others(product: Product) -> None:
    product.ensure_ready()
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def attack(first: int) -> None:
        with product.http() as http:
            for turn in range(30):
                hostile = HOSTILE[(first + turn) % len(HOSTILE)]
                response = http.post(CHAT, json=GOOD | hostile)
                answers.append((response.status_code, response.json()["error"]["param"]))
        done.set()

    attackers = [threading.Thread(target=attack, args=(first,)) for first in range(3)]
    spent: list[float] = []
    worker = psutil.Process(product.model()["replicas"][0]["pid"])
    with product.http() as http:
        assert http.post(CHAT, json=GOOD).status_code == 200
        for attacker in attackers:
            attacker.start()
        while not done.is_set():
            begun = worker.cpu_times().user
            assert http.post(CHAT, json=GOOD).status_code == 200
            spent.append(worker.cpu_times().user - begun)
        for attacker in attackers:
            attacker.join()
    assert {status for status, _ in answers} == {400} and len(answers) == 90
    assert {field.split(".")[0] for _, field in answers} == {"response_format", "json_schema", "grammar"}
    # Sans essai, le premier de ces schémas retient tout le monde quatorze secondes de processeur.
    assert max(spent) < 10.0, spent


def test_a_hostile_grammar_does_not_grow_the_worker(product: Product) -> None:
    product.ensure_ready()

    def resident() -> int:
        return sum(process.memory_info().rss for process in product.processes())

    before = resident()
    with product.http() as http:
        for hostile in HOSTILE:
            assert http.post(CHAT, json=GOOD | hostile).status_code == 400
    assert resident() - before < 200 * 1024 * 1024


def test_the_limits_are_announced(product: Product) -> None:
    chat = httpx.get(f"{product.base_url}/api/capabilities").json()["limits"]["chat"]
    assert chat["max_grammar_repetitions"] == 10_000
    assert chat["max_grammar_compilation"] == "10s"
