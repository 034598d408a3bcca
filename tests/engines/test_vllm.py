"""vLLM, le vrai, sur le processeur : le contrat de la conversation, puis ce que lui seul sait faire."""

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from server.engines.base import ChatEngine, ChatKind, LoadPhase, TrialBounds
from server.engines.vllm.engine import VllmEngine, create_engine
from server.errors import InvalidRequest, ModelLoadFailed, UnsupportedOption
from tests.support.chat_options_suite import *  # noqa: F403
from tests.support.chat_options_suite import answer
from tests.support.chat_suite import *  # noqa: F403
from tests.support.chat_suite import collect, events
from tests.support.qwen3_vl import png
from tests.support.tokens_suite import *  # noqa: F403
from tests.support.vllm_opened import core, family, opened, running, spec
from tests.support.waiting import until

# vLLM et torch avertissent de leurs propres vieilleries.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]

TOOL = {
    "type": "function",
    "function": {
        "name": "paint",
        "parameters": {
            "type": "object",
            "properties": {"color": {"enum": ["red", "blue"]}},
            "required": ["color"],
            "additionalProperties": False,
        },
    },
}
HOSTILE_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "paint",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {f"p{i}": {"type": "string", "maxLength": 100 + i} for i in range(30)},
        },
    },
}
MIB = 1024 * 1024
LONG = {"max_tokens": 1800, "ignore_eos": True}


@pytest.fixture(scope="module")
def phases() -> list[LoadPhase]:
    """Étapes que vLLM a dites en s'ouvrant."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vllm(tmp_path_factory: pytest.TempPathFactory, phases: list[LoadPhase]) -> AsyncIterator[VllmEngine]:
    # Sans blancs libres : des poids au hasard en écriraient jusqu'au bout.
    grammar = {"backend": "xgrammar", "disable_any_whitespace": True}
    folder = tmp_path_factory.mktemp("qwen3-vl")
    settings = spec(folder, tool_call_parser="hermes", structured_outputs_config=grammar)
    async with opened(
        replace(settings, trials=TrialBounds(seconds=1.0, memory_bytes=256 * MIB)), phases.append
    ) as made:
        yield made


@pytest.fixture
def engine(vllm: VllmEngine) -> ChatEngine:
    return vllm


@pytest.fixture
def counting(vllm: VllmEngine) -> VllmEngine:
    return vllm


@pytest.fixture
def real_engine(vllm: VllmEngine) -> ChatEngine:
    return vllm


def image(url: str) -> list[dict[str, Any]]:
    """Message d'une image et d'une question."""
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}]
    return [{"role": "user", "content": parts}]


async def completion(engine: ChatEngine, **more: Any) -> list[bytes]:
    """Éléments rendus pour une complétion."""
    body = {"model": "alias", "prompt": "Hello", "max_tokens": 4} | more
    request = json.dumps(body).encode()
    return [item async for item in engine.generate(ChatKind.COMPLETION, request, stream=bool(more.get("stream")))]


async def test_it_says_what_it_can_do(vllm: VllmEngine) -> None:
    assert {"stream", "logprobs", "json_schema", "tools", "images", "n", "seed", "stop", "echo"} <= vllm.features
    assert not {"reasoning", "lora", "sleep"} & vllm.features
    assert vllm.max_running == 4


async def test_it_knows_its_vocabulary(vllm: VllmEngine) -> None:
    size = vllm.vocab_size
    assert size > 1000
    with pytest.raises(InvalidRequest, match=str(size)):
        await collect(vllm, stream=False, logit_bias={str(size): 1})
    await collect(vllm, stream=False, logit_bias={str(size - 1): 1})


@pytest.mark.parametrize("stream", [False, True])
async def test_no_token_with_echo_gives_the_prompt_alone(vllm: VllmEngine, stream: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if stream else {}
    items = await completion(vllm, max_tokens=0, echo=True, logprobs=2, stream=stream, **options)
    answers = events(items) if stream else [json.loads(items[0])]
    choices = [choice for answer in answers for choice in answer["choices"]]
    assert "".join(choice["text"] for choice in choices) == "Hello"
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["length"]
    tokens = [token for choice in choices for token in (choice["logprobs"] or {}).get("tokens", ())]
    usage = answers[-1]["usage"]
    assert len(tokens) == usage["prompt_tokens"] == usage["total_tokens"]
    assert usage["completion_tokens"] == 0


async def test_logprobs_without_rivals_are_empty_lists(vllm: VllmEngine) -> None:
    found = await answer(vllm, logprobs=True, top_logprobs=0, max_tokens=3)
    content = found["choices"][0]["logprobs"]["content"]
    assert len(content) == 3 and all(token["top_logprobs"] == [] for token in content)


async def test_its_processes_tell_what_they_do(vllm: VllmEngine, phases: list[LoadPhase]) -> None:
    assert vllm.max_running
    # Sans compilation ni graphes, d'un petit modèle : ce que vLLM en écrit suffit à suivre le reste.
    told = ["importing", "preparing", "loading_weights", "allocating_cache", "starting"]
    assert [phase for phase in phases if phase is not LoadPhase.PROFILING] == told
    assert "VLLM_LOGGING_CONFIG_PATH" not in os.environ


async def test_the_model_is_born_alone_not_copied(vllm: VllmEngine) -> None:
    """Copié depuis un fil (fork), il porterait des verrous pris."""
    assert vllm.max_running
    children = multiprocessing.active_children()
    assert children and {type(child).__name__ for child in children} == {"SpawnProcess"}


async def test_its_warm_up_on_a_gpu_is_all_accepted(vllm: VllmEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Le processeur s'en passe ; vLLM doit pourtant admettre chaque sorte de requête que le GPU y mène."""
    with caplog.at_level("INFO", logger="server.engines.vllm.engine"):
        await vllm.warm_kernels()
    assert [record.message for record in caplog.records if "warm" in record.message] == ["warmed_up"]
    assert running(vllm) == 0


async def test_it_listens_on_the_loopback_only(vllm: VllmEngine) -> None:
    processes = [psutil.Process(), *family()]
    heard = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert set(heard) <= {"127.0.0.1", "::1"}


async def test_a_regex_and_a_choice_are_followed(vllm: VllmEngine) -> None:
    found = await answer(vllm, structured_outputs={"regex": "[ab]{3}"})
    text = found["choices"][0]["message"]["content"]
    assert len(text) == 3 and set(text) <= {"a", "b"}
    found = await answer(vllm, structured_outputs={"choice": ["oui", "non"]})
    assert found["choices"][0]["message"]["content"] in ("oui", "non")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unreadable_regex_is_refused(vllm: VllmEngine, stream: bool) -> None:
    with pytest.raises(InvalidRequest, match="regex"):
        await collect(vllm, stream=stream, structured_outputs={"regex": "[ab"})


HOSTILE: dict[str, dict[str, Any]] = {
    "response_format.json_schema.schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": HOSTILE_TOOL["function"]["parameters"]},
        }
    },
    "structured_outputs.regex": {"structured_outputs": {"regex": "(a?){0,100}" * 90}},
    "structured_outputs.grammar": {"structured_outputs": {"grammar": "root ::= " + '"a"? ' * 2000}},
    "structured_outputs.json": {"structured_outputs": {"json": {"type": "string", "maxLength": 10_000}}},
    "tools": {
        "tools": [HOSTILE_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "paint"}},
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("field", HOSTILE)
async def test_a_hostile_grammar_never_reaches_the_engine(vllm: VllmEngine, field: str, stream: bool) -> None:
    request = json.dumps({"model": "alias", "messages": [{"role": "user", "content": "Hi"}]} | LONG).encode()
    gaps: list[float] = []
    before = core().memory_info().rss

    async def follow() -> None:
        async with aclosing(vllm.generate(ChatKind.CHAT, request, stream=True)) as items:
            await anext(items)
            last = time.monotonic()
            async for _ in items:
                gaps.append(time.monotonic() - last)
                last += gaps[-1]

    following = asyncio.create_task(follow())
    try:
        await until(lambda: bool(gaps))
        with pytest.raises(InvalidRequest) as refused:
            await collect(vllm, stream=stream, **HOSTILE[field])
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert refused.value.metadata["field"] == field
    assert refused.value.metadata["limit"] in ("1", str(256 * MIB))
    # Deux cœurs pour l'essai, le moteur et ses voisins ; sans essai, la compilation dure des minutes.
    assert max(gaps) < 3.0
    assert core().memory_info().rss - before < 100 * MIB
    assert running(vllm) == 0


async def test_a_grammar_vllm_cannot_read_names_its_field(vllm: VllmEngine) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await collect(vllm, stream=True, structured_outputs={"grammar": "root ::= ("})
    assert refused.value.metadata["field"] == "structured_outputs.grammar"


async def test_a_forced_tool_is_called(vllm: VllmEngine) -> None:
    wanted = {"type": "function", "function": {"name": "paint"}}
    found = events(await collect(vllm, stream=True, tools=[TOOL], tool_choice=wanted, max_tokens=60))
    calls = [c for e in found if e["choices"] for c in e["choices"][0]["delta"].get("tool_calls") or ()]
    assert calls[0]["function"]["name"] == "paint"
    assert "".join(c["function"].get("arguments") or "" for c in calls)


async def test_an_image_is_read(vllm: VllmEngine) -> None:
    words = await answer(vllm, messages=[{"role": "user", "content": "What is it?"}])
    found = await answer(vllm, messages=image(png()))
    # L'image compte autant de jetons que de carrés de 32 points, au moins quatre.
    assert found["usage"]["prompt_tokens"] >= words["usage"]["prompt_tokens"] + 4
    assert found["choices"][0]["message"]["content"]


async def test_too_many_or_broken_images_are_refused(vllm: VllmEngine) -> None:
    three = [{"role": "user", "content": [part for _ in range(3) for part in image(png())[0]["content"]]}]
    for messages in (three, image("data:image/png;base64,AAAA")):
        with pytest.raises(InvalidRequest):
            await collect(vllm, stream=False, messages=messages)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.png", "HTTPS://exemple.fr/x.png", "file:///etc/hostname", "/x"])
async def test_no_address_is_followed(vllm: VllmEngine, url: str) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        await collect(vllm, stream=False, messages=image(url))
    assert refused.value.metadata["field"] == "messages[0].content[0].image_url.url"


async def test_vllm_itself_follows_no_address(vllm: VllmEngine) -> None:
    assert vllm._serving is not None
    body = {"model": "qwen", "messages": image("http://127.0.0.1:9/x.png"), "max_tokens": 1}
    with pytest.raises(InvalidRequest, match="allowed domains"):
        await vllm._serving.create(ChatKind.CHAT, body, "adresse")
    body["messages"] = image("file:///etc/hostname")
    with pytest.raises(Exception, match=r"local files|raté cette requête"):
        await vllm._serving.create(ChatKind.CHAT, body, "fichier")


@pytest.mark.parametrize("field", ["chat_template", "mm_processor_kwargs", "prompt_embeds", "request_id"])
async def test_no_caller_holds_the_server(vllm: VllmEngine, field: str) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        await collect(vllm, stream=False, **{field: "x"})
    assert refused.value.metadata["field"] == field


async def test_a_wrong_type_names_its_field(vllm: VllmEngine) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await collect(vllm, stream=False, temperature="tiède")
    assert refused.value.metadata["field"] == "temperature"
    with pytest.raises(InvalidRequest) as refused:
        await collect(vllm, stream=False, max_tokens=10**6)
    assert refused.value.metadata["field"] == "max_tokens"


async def test_a_completion_gives_the_logprobs_of_its_prompt(vllm: VllmEngine) -> None:
    found = json.loads((await completion(vllm, echo=True, logprobs=1))[0])
    values = found["choices"][0]["logprobs"]["token_logprobs"]
    assert values[0] is None and len(values) == found["usage"]["total_tokens"]


@pytest.mark.parametrize("prompt", [["One", "Two"], [[9707], [11613, 11]]])
async def test_several_prompts_are_told_apart(vllm: VllmEngine, prompt: list[Any]) -> None:
    found = events(await completion(vllm, prompt=prompt, stream=True))
    assert {event["choices"][0]["index"] for event in found if event["choices"]} == {0, 1}


async def test_leaving_a_stream_stops_the_engine(vllm: VllmEngine) -> None:
    request = json.dumps({"model": "alias", "messages": [{"role": "user", "content": "Hi"}], "n": 2} | LONG).encode()
    items = vllm.generate(ChatKind.CHAT, request, stream=True)
    await anext(items)
    assert running(vllm) == 2
    await items.aclose()
    assert running(vllm) == 0


@pytest.mark.parametrize("prompt", [None, ["One", "Two"]])
async def test_cancelling_a_whole_answer_stops_the_engine(vllm: VllmEngine, prompt: list[str] | None) -> None:
    work = completion(vllm, prompt=prompt, **LONG) if prompt else collect(vllm, stream=False, **LONG)
    task = asyncio.create_task(work)
    await until(lambda: running(vllm) > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(vllm) == 0


async def ask(engine: VllmEngine, method: str) -> Any:
    """Ce que le processus du modèle répond."""
    assert engine._serving is not None
    return await engine._serving.engine.engine_core.call_utility_async(method)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_abandoned_request_is_let_go_before_its_place_is_given_back(vllm: VllmEngine, stream: bool) -> None:
    """Quatre requêtes courent, deux attendent dans vLLM : quittées, l'ordonnanceur n'en a plus aucune."""
    tasks = [asyncio.create_task(collect(vllm, stream=stream, **LONG)) for _ in range(6)]
    await until(lambda: running(vllm) == 6)
    await ask(vllm, "is_sleeping")
    frozen = core()
    frozen.suspend()
    try:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.5)
        assert not any(task.done() for task in tasks)
    finally:
        frozen.resume()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    # Plus aucun bloc tenu ; le pas suivant a oublié jusqu'aux noms.
    assert await ask(vllm, "reset_prefix_cache")
    assert not await ask(vllm, "has_work")
    assert await collect(vllm, stream=False)


async def test_sleeping_needs_its_option(vllm: VllmEngine) -> None:
    with pytest.raises(UnsupportedOption, match="enable_sleep_mode"):
        await vllm.sleep(1)


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"max_modl_len": 3}, "options.max_modl_len", "max_model_len"),
        ({"max_model_len": "beaucoup"}, "options.max_model_len", "beaucoup"),
        ({"tool_call_parser": "hermess"}, "options.tool_call_parser", "hermes"),
        ({"model": "autre"}, "options.model", "réservée"),
        ({"port": 9000}, "options.port", "inconnue"),
    ],
)
async def test_a_wrong_option_is_named_before_anything_loads(
    tmp_path: Path, options: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(ModelLoadFailed, match=said) as refused:
        await create_engine(spec(tmp_path, **options)).open()
    assert refused.value.metadata["field"] == field
