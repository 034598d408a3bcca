"""Une complétion à plusieurs textes : la réponse est celle d'une seule requête, et personne ne l'attend toute."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from passerelle.worker.v1 import link_pb2

from server.engines.base import ChatKind, OnPhase, share, unheard
from server.errors import InvalidRequest, PasserelleError
from server.fair import with_share
from server.link.server import FrontLink
from server.worker.host import WorkerHost
from tests.support.waiting import until

PROMPTS = ["a", "b", "c", "d", "e"]


class GatedEngine:
    """Rend une réponse par choix ; chaque requête attend qu'on la laisse finir."""

    features = frozenset({"stream"})

    def __init__(self, max_running: int = 1) -> None:
        self.max_running = max_running
        self.started: list[Any] = []
        self.shares: list[int] = []
        self.gate = asyncio.Semaphore(0)
        self.running = 0
        self.broken = ""

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à ouvrir."""

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à rendre."""

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        """Une réponse au schéma d'OpenAI, dont chaque texte nomme le texte de départ."""
        body = json.loads(request)
        prompt = body.get("prompt", "conversation")
        self.started.append(prompt)
        self.shares.append(share.get())
        self.running += 1
        try:
            await self.gate.acquire()
            if prompt == self.broken:
                raise InvalidRequest("refusé", metadata={"field": "prompt"})
            head = {"id": f"cmpl-{prompt}", "object": "text_completion", "created": len(self.started), "model": "m"}
            choices = [{"index": i, "text": f"{prompt}{i}", "finish_reason": "stop"} for i in range(body.get("n", 1))]
            usage = {"prompt_tokens": 2, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}
            if not stream:
                yield json.dumps(head | {"choices": choices, "usage": usage}).encode()
                return
            for choice in choices:
                yield b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n"
            if body.get("stream_options"):
                yield b"data: " + json.dumps(head | {"choices": [], "usage": usage}).encode() + b"\n\n"
        finally:
            self.running -= 1


class Link:
    """Ce que l'accueil dit à un front."""

    def __init__(self) -> None:
        self.items: dict[int, list[bytes]] = {}
        self.ended: dict[int, PasserelleError | None] = {}

    def entered(self, request_id: int, waited: float) -> None:
        """Entrée d'une requête qui attendait : rien à garder."""

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Garde une sortie."""
        if done:
            self.ended[request_id] = None
        else:
            self.items.setdefault(request_id, []).append(data)

    def fail(self, request_id: int, error: PasserelleError) -> None:
        """Garde un échec."""
        self.ended[request_id] = error


class Hosted:
    def __init__(self, engine: GatedEngine, max_waiting: int = 8) -> None:
        self.engine = engine
        self.link = Link()
        self.host = WorkerHost(cast(Any, engine), max_waiting=max_waiting, on_dead=lambda _: None)
        self._front = cast(FrontLink, self.link)

    def complete(self, number: int, caller: str, prompts: list[str], *, stream: bool = False, **fields: Any) -> None:
        payload = json.dumps({"model": "m", "prompt": prompts} | fields).encode()
        kind = link_pb2.REQUEST_KIND_COMPLETION
        self._submit(number, caller, kind, payload, stream, fields.get("n", 1), len(prompts))

    def chat(self, number: int, caller: str) -> None:
        self._submit(number, caller, link_pb2.REQUEST_KIND_CHAT, b"{}", False, 1, 1)

    def cancel(self, number: int) -> None:
        self.host.cancel(self._front, number)

    def _submit(
        self, number: int, caller: str, kind: "link_pb2.RequestKind", payload: bytes, stream: bool, n: int, parts: int
    ) -> None:
        request = link_pb2.Submit(
            id=number, kind=kind, payload=payload, stream=stream, caller=caller, weight=n, parts=parts
        )
        self.host.submit(self._front, request)

    async def step(self) -> None:
        """Laisse finir une requête du moteur."""
        self.engine.gate.release()
        await asyncio.sleep(0.001)

    async def end(self, *numbers: int) -> None:
        """Laisse tout finir."""
        for _ in range(100):
            self.engine.gate.release()
        await until(lambda: all(number in self.link.ended for number in numbers), "réponses finies")
        load = self.host.load()
        assert (load.running, load.waiting) == (0, 0)
        await self.host.drain(1.0)


async def test_whole_answers_are_joined_in_order() -> None:
    hosted = Hosted(GatedEngine(max_running=3))
    hosted.complete(1, "a", PROMPTS, n=2)
    await hosted.end(1)
    (item,) = hosted.link.items[1]
    answer = json.loads(item)
    assert [(c["index"], c["text"]) for c in answer["choices"]] == [
        (rank * 2 + i, f"{prompt}{i}") for rank, prompt in enumerate(PROMPTS) for i in range(2)
    ]
    assert answer["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    assert answer["id"] == "cmpl-a"


@pytest.mark.parametrize("usage", [False, True])
async def test_streams_are_one_stream(usage: bool) -> None:
    hosted = Hosted(GatedEngine(max_running=2))
    hosted.complete(1, "a", PROMPTS, stream=True, n=2, **({"stream_options": {"include_usage": True}} if usage else {}))
    await hosted.end(1)
    events = [json.loads(item.removeprefix(b"data: ")) for item in hosted.link.items[1]]
    assert {(event["id"], event["created"]) for event in events} == {(events[0]["id"], events[0]["created"])}
    counted = events.pop() if usage else None
    assert {(c["index"], c["text"]) for event in events for c in event["choices"]} == {
        (rank * 2 + i, f"{prompt}{i}") for rank, prompt in enumerate(PROMPTS) for i in range(2)
    }
    assert counted is None or (counted["choices"], counted["usage"]["completion_tokens"]) == ([], 15)


async def test_another_caller_waits_for_one_prompt_only() -> None:
    hosted = Hosted(GatedEngine())
    hosted.complete(1, "a", PROMPTS)
    await until(lambda: hosted.engine.running == 1, "premier texte en cours")
    hosted.chat(2, "b")
    hosted.chat(3, "a")
    assert hosted.host.load().waiting == 2
    await hosted.end(1, 2, 3)
    # La requête de plus de a attend que la précédente soit finie.
    assert hosted.engine.started == ["a", "conversation", "b", "c", "d", "e", "conversation"]


async def test_alone_it_takes_every_place_and_no_more() -> None:
    hosted = Hosted(GatedEngine(max_running=3))
    hosted.complete(1, "a", PROMPTS)
    await until(lambda: hosted.engine.running == 3, "toutes les places")
    await asyncio.sleep(0.01)
    assert hosted.engine.running == 3 and hosted.host.load().running == 1
    await hosted.end(1)


async def test_two_callers_share_the_places() -> None:
    hosted = Hosted(GatedEngine(max_running=2))
    hosted.complete(1, "a", ["a"] * 20)
    await until(lambda: hosted.engine.running == 2, "deux places")
    hosted.complete(2, "b", ["b"] * 20)
    for _ in range(20):
        await hosted.step()
    assert abs(hosted.engine.started.count("a") - hosted.engine.started.count("b")) <= 3
    await hosted.end(1, 2)


async def test_leaving_gives_every_place_back() -> None:
    hosted = Hosted(GatedEngine(max_running=2))
    hosted.complete(1, "a", PROMPTS)
    await until(lambda: hosted.engine.running == 2, "deux places")
    hosted.cancel(1)
    hosted.complete(2, "a", PROMPTS)
    hosted.cancel(2)
    await until(lambda: hosted.engine.running == 0, "textes abandonnés")
    hosted.complete(3, "b", PROMPTS)
    await until(lambda: hosted.engine.running == 2, "deux places encore")
    await hosted.end(3)


async def test_one_refused_prompt_ends_them_all() -> None:
    hosted = Hosted(GatedEngine(max_running=2))
    hosted.engine.broken = "b"
    hosted.complete(1, "a", PROMPTS)
    await hosted.end(1)
    error = hosted.link.ended[1]
    assert isinstance(error, InvalidRequest) and error.metadata == {"field": "prompt"}
    assert hosted.engine.running == 0 and "e" not in hosted.engine.started


async def test_a_request_takes_as_many_places_as_choices() -> None:
    hosted = Hosted(GatedEngine(max_running=4))
    hosted.complete(1, "a", ["seul"], n=16)
    hosted.chat(2, "b")
    await asyncio.sleep(0.01)
    assert hosted.host.load().waiting == 1 and hosted.engine.started == [["seul"]]
    await hosted.end(1, 2)


async def test_an_engine_knows_the_share_of_each_request() -> None:
    hosted = Hosted(GatedEngine(max_running=4))
    for number, label in enumerate((with_share("a", 4), "b", with_share("c", 2))):
        hosted.chat(number, label)
    hosted.complete(3, with_share("d", 7), ["un", "deux"])
    await hosted.end(0, 1, 2, 3)
    assert sorted(hosted.engine.shares) == [1, 2, 4, 7, 7]
