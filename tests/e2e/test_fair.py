"""Un appelant qui inonde un modèle n'en prive pas les autres."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from tests.support.product import Product, wait_until

QUESTION = {"model": "qwen", "messages": [{"role": "user", "content": "Tell a story."}]}
LOOPS = 8


def overtaken(product: Product, name: str) -> int:
    """Réponses à l'autre appelant que le front a finies depuis l'arrivée de cette requête, à sa propre horloge.

    Celle d'un client compterait aussi ce qui finit avant que sa requête n'arrive.
    """
    lines = (product.run_dir / "logs" / "front-0.log").read_text(encoding="utf-8").splitlines()
    calls = [json.loads(line) for line in lines if '"rpc_finished"' in line]
    place, mine = next((place, call) for place, call in enumerate(calls) if call["request_id"] == name)
    arrived = datetime.fromisoformat(mine["time"]) - timedelta(milliseconds=mine["duration_ms"])
    return sum(
        call["request_id"].startswith("inonde-")
        and call["code"] == "OK"
        and datetime.fromisoformat(call["time"]) > arrived
        for call in calls[:place]
    )


def test_a_flood_of_one_key_leaves_the_other_served(guarded: Product) -> None:
    guarded.ensure_ready()
    stop = threading.Event()
    statuses: list[int] = []
    numbers = itertools.count()

    def flood() -> None:
        with guarded.http("cle-a") as http:
            while not stop.is_set():
                name = {"x-request-id": f"inonde-{next(numbers)}"}
                asked = QUESTION | {"max_tokens": 24}
                status = http.post("/v1/chat/completions", json=asked, headers=name).status_code
                statuses.append(status)
                if status == 429:
                    time.sleep(0.02)

    threads = [threading.Thread(target=flood) for _ in range(LOOPS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: statuses.count(429) > LOOPS, 60, "file pleine")
        with guarded.http("cle-b") as http:
            for turn in range(6):
                name = {"x-request-id": f"voisine-{turn}"}
                response = http.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 4}, headers=name)
                assert response.status_code == 200, response.text
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200, 429}
    log = guarded.run_dir / "logs" / "front-0.log"
    wait_until(lambda: '"voisine-5"' in log.read_text(encoding="utf-8"), 60, "ligne de la dernière voisine")
    # Celle qui finissait à son arrivée, et celle que l'exemplaire menait alors.
    assert max(overtaken(guarded, f"voisine-{turn}") for turn in range(6)) <= 2
    wait_until(lambda: guarded.model()["replicas"][0]["running_requests"] == 0, 60, "places rendues")


def test_many_prompts_in_one_call_do_not_hold_the_others(guarded: Product) -> None:
    guarded.ensure_ready()
    many = {"model": "qwen", "prompt": [f"Story {i}:" for i in range(40)], "max_tokens": 16, "n": 2}
    with ThreadPoolExecutor(1) as pool, guarded.http("cle-a") as greedy, guarded.http("cle-b") as http:
        long = pool.submit(greedy.post, "/v1/completions", json=many)
        wait_until(lambda: guarded.model()["replicas"][0]["running_requests"] == 1, 60, "appel commencé")
        for _ in range(3):
            response = http.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 4})
            assert response.status_code == 200, response.text
        assert not long.done()
        answer = long.result().json()
    assert [choice["index"] for choice in answer["choices"]] == list(range(80))
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
