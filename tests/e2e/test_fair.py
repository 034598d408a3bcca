"""Un appelant qui inonde un modèle n'en prive pas les autres."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.support.product import Product, wait_until

QUESTION = {"model": "qwen", "messages": [{"role": "user", "content": "Tell a story."}]}
LOOPS = 8


def test_a_flood_of_one_key_leaves_the_other_served(guarded: Product) -> None:
    guarded.ensure_ready()
    stop = threading.Event()
    ended: list[tuple[float, int]] = []

    def flood() -> None:
        with guarded.http("cle-a") as http:
            while not stop.is_set():
                status = http.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 24}).status_code
                ended.append((time.monotonic(), status))
                if status == 429:
                    time.sleep(0.02)

    threads = [threading.Thread(target=flood) for _ in range(LOOPS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: Counter(status for _, status in ended)[429] > LOOPS, 30, "file pleine")
        with guarded.http("cle-b") as http:
            for _ in range(6):
                started = time.monotonic()
                response = http.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 4})
                assert response.status_code == 200, response.text
                before = [status for at, status in ended if started < at < time.monotonic() and status == 200]
                # Celle qui était en cours, et une autre qui finit pendant que la réponse revient.
                assert len(before) <= 2, before
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(Counter(status for _, status in ended)) == {200, 429}
    wait_until(lambda: guarded.model()["replicas"][0]["running_requests"] == 0, 10, "places rendues")


def test_many_prompts_in_one_call_do_not_hold_the_others(guarded: Product) -> None:
    guarded.ensure_ready()
    many = {"model": "qwen", "prompt": [f"Story {i}:" for i in range(40)], "max_tokens": 16, "n": 2}
    with ThreadPoolExecutor(1) as pool, guarded.http("cle-a") as greedy, guarded.http("cle-b") as http:
        long = pool.submit(greedy.post, "/v1/completions", json=many)
        wait_until(lambda: guarded.model()["replicas"][0]["running_requests"] == 1, 10, "appel commencé")
        for _ in range(3):
            response = http.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 4})
            assert response.status_code == 200, response.text
        assert not long.done()
        answer = long.result().json()
    assert [choice["index"] for choice in answer["choices"]] == list(range(80))
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
