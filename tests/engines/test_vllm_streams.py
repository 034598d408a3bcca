"""Les trames d'un flux ordinaire, rendues d'un gabarit, sont octet pour octet celles de vLLM ; aucun modèle n'est ouvert."""

import random
import time
from types import SimpleNamespace
from typing import Any

import pytest
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.completion.serving import OpenAIServingCompletion
from vllm.parser import ParserManager
from vllm.tokenizers import get_tokenizer

from server.engines.base import ChatKind
from server.engines.vllm.frames import Made, MadeOutput
from server.engines.vllm.plain import PlainStreams, rendered
from tests.support.qwen3_vl import build

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]

TEXTS = (
    *(
        "",
        " ",
        "mot",
        " é",
        "\n",
        "\r\n\t",
        '"',
        "\\",
        "\\u0041",
        "</s>",
        "<think>",
        "</think>",
        "🙂",
        "𝔘",
        "\u2028",
        "\u00a0",
    ),
    *(
        "\x00",
        "\x07\x08\x0c",
        "\x1b[0m",
        "\x7f",
        "\x9f",
        "\ufeff",
        "\ufffd",
        "e\u0301",
        "data: [DONE]\n\n",
        "日本語",
        "ש",
    ),
    *("<tool_call>", '<tool_call>\n{"name": "paint", "arguments": {}}\n</tool_call>', "&<>'", "a" * 5000),
)
FINISHES = (None, "stop", "length", "abort", "repetition")
STOPS = (None, 151645, 0, "\n\n", "fin \"é'", "🙂")
USAGES: tuple[dict[str, bool] | None, ...] = (
    *(None, {"include_usage": False}, {"include_usage": True}),
    *({"include_usage": True, "continuous_usage_stats": True}, {"continuous_usage_stats": True}),
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Vocabulaire de Qwen3."""
    return get_tokenizer(str(build(tmp_path_factory.mktemp("modele"))))


def streams(tokenizer: Any, tools: str | None = None, reasoning: str | None = None, **settings: Any) -> PlainStreams:
    """Façade de vLLM sans moteur derrière, et ses gabarits."""
    about_model = SimpleNamespace(model_type="qwen3")
    config = SimpleNamespace(is_encoder_decoder=False, model="x", hf_config=about_model, hf_text_config=about_model)
    about = {
        "engine_client": SimpleNamespace(
            vllm_config=SimpleNamespace(
                speculative_config=settings.pop("speculative_config", None), model_config=config
            )
        ),
        "model_config": config,
        "parser_cls": ParserManager.get_parser(tools, reasoning, enable_auto_tools=bool(tools), model_name="x"),
        "response_role": "assistant",
        "request_logger": None,
        "system_fingerprint": "vllm-essai",
        "_include_reasoning_tokens_details": bool(reasoning),
        **dict.fromkeys(("enable_force_include_usage", "enable_prompt_tokens_details"), False),
        **dict.fromkeys(("enable_per_request_metrics", "enable_log_outputs", "enable_log_deltas"), False),
        **settings,
    }
    made = []
    for kind in (OpenAIServingChat, OpenAIServingCompletion):
        serving = object.__new__(kind)
        for name, value in about.items():
            setattr(serving, name, value)
        made.append(serving)
    return PlainStreams(made[0], made[1], tokenizer)


def asked(kind: ChatKind, **more: Any) -> Any:
    """Requête telle que vLLM la lit."""
    if kind is ChatKind.COMPLETION:
        return CompletionRequest(**{"model": "x", "prompt": "x", "stream": True, "max_tokens": 9} | more)
    return ChatCompletionRequest(
        **{"model": "x", "messages": [{"role": "user", "content": "x"}], "stream": True} | more
    )


def drawn(chance: random.Random) -> Made:
    """Un flux au hasard : sorties sans texte, sans jeton, de plusieurs jetons, fin avec ou sans texte, ou sans fin."""
    outputs = [
        MadeOutput(chance.choice(TEXTS) if chance.random() < 0.7 else "", chance.choice((0, 1, 1, 1, 2, 7)))
        for _ in range(chance.randrange(6))
    ]
    finish = chance.choice(FINISHES)
    if finish is not None:
        outputs.append(MadeOutput(chance.choice(TEXTS), chance.randrange(3), finish, chance.choice(STOPS)))
    return Made(
        f"chatcmpl-{chance.randrange(10**9)}",
        chance.choice(("qwen", "alias/é", 'x"y')),
        chance.randrange(9999),
        tuple(outputs),
    )


@pytest.mark.parametrize("tools", [None, "hermes"])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", ChatKind)
async def test_a_template_writes_what_vllm_writes(
    monkeypatch: pytest.MonkeyPatch, tokenizer: Any, kind: ChatKind, force: bool, tools: str | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_000_000.5)
    plain = streams(tokenizer, tools, enable_force_include_usage=force)
    assert await plain.learn() == ""
    chance = random.Random(f"{kind}{force}{tools}")
    seen = set()
    for _ in range(1500):
        request = asked(kind, stream_options=chance.choice(USAGES))
        template = plain.template(kind, request)
        assert template is not None
        made = drawn(chance)
        theirs = "".join(await plain.told(kind, request, made)).encode()
        role = plain.role(kind, request)
        ours = rendered(template.open(id=made.id, created=1_795_000_000, model=made.model, role=role), made)
        assert ours == theirs, made
        seen.add(theirs)
    assert len(seen) > 1000


async def test_the_role_is_the_one_vllm_gives(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_000_000.5)
    plain = streams(tokenizer)
    assert await plain.learn() == ""
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    request = asked(ChatKind.CHAT, messages=messages, add_generation_prompt=False, continue_final_message=True)
    made = Made("chatcmpl-1", "qwen", 3, (MadeOutput("z", 1, "stop"),))
    template = plain.template(ChatKind.CHAT, request)
    assert template is not None
    ours = rendered(
        template.open(id=made.id, created=1_795_000_000, model="qwen", role=plain.role(ChatKind.CHAT, request)), made
    )
    assert ours == "".join(await plain.told(ChatKind.CHAT, request, made)).encode()


TOOL = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        *((kind, fields) for kind in ChatKind for fields in ({"stream": False}, {"n": 2}, {"echo": True})),
        *((kind, {"return_token_ids": True}) for kind in ChatKind),
        (ChatKind.CHAT, {"logprobs": True}),
        (ChatKind.CHAT, {"logprobs": True, "top_logprobs": 2}),
        (ChatKind.CHAT, {"tools": [TOOL]}),
        (ChatKind.CHAT, {"tools": [TOOL], "tool_choice": "required"}),
        (ChatKind.CHAT, {"tools": [TOOL], "tool_choice": TOOL | {"function": {"name": "paint"}}}),
        (ChatKind.CHAT, {"include_reasoning": False}),
        (ChatKind.COMPLETION, {"logprobs": 0}),
        (ChatKind.COMPLETION, {"logprobs": 2}),
        (ChatKind.COMPLETION, {"prompt": ["x", "y"]}),
        (ChatKind.COMPLETION, {"prompt": [[1], [2]]}),
    ],
)
async def test_any_other_request_is_left_to_vllm(tokenizer: Any, kind: ChatKind, fields: dict[str, Any]) -> None:
    plain = streams(tokenizer, "hermes")
    assert await plain.learn() == ""
    assert plain.template(kind, asked(kind)) is not None
    assert plain.template(kind, asked(kind, **fields)) is None


@pytest.mark.parametrize("prompt", ["x", ["x"], [1, 2], [[1, 2]]])
async def test_one_prompt_is_one_however_it_is_written(tokenizer: Any, prompt: Any) -> None:
    plain = streams(tokenizer)
    assert await plain.learn() == ""
    assert plain.template(ChatKind.COMPLETION, asked(ChatKind.COMPLETION, prompt=prompt)) is not None


async def test_tools_set_aside_are_not_read(tokenizer: Any) -> None:
    plain = streams(tokenizer, "hermes")
    assert await plain.learn() == ""
    assert plain.template(ChatKind.CHAT, asked(ChatKind.CHAT, tools=[TOOL], tool_choice="none")) is not None


@pytest.mark.parametrize("tools", [None, "hermes"])
async def test_a_reasoning_is_always_read_by_vllm(tokenizer: Any, tools: str | None) -> None:
    plain = streams(tokenizer, tools, "qwen3")
    assert await plain.learn() == ""
    assert plain.template(ChatKind.CHAT, asked(ChatKind.CHAT)) is None
    assert plain.template(ChatKind.COMPLETION, asked(ChatKind.COMPLETION)) is not None


@pytest.mark.parametrize("name", ["enable_prompt_tokens_details", "enable_per_request_metrics", "speculative_config"])
async def test_what_a_template_has_not_is_left_to_vllm(tokenizer: Any, name: str) -> None:
    settings: dict[str, Any] = {name: True}
    plain = streams(tokenizer, **settings)
    assert "une option de ce modèle" in await plain.learn()
    assert plain.template(ChatKind.CHAT, asked(ChatKind.CHAT)) is None


async def test_a_vllm_that_writes_otherwise_keeps_its_own_way(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    plain = streams(tokenizer)
    own = OpenAIServingChat.chat_completion_stream_generator

    async def other(self: Any, *arguments: Any, **more: Any) -> Any:
        async for frame in own(self, *arguments, **more):
            # Une trame dont la forme dépend de son texte ne tient pas dans un gabarit.
            yield frame.replace('"index":0', '"index": 0') if "tool_call" in frame else frame

    monkeypatch.setattr(OpenAIServingChat, "chat_completion_stream_generator", other)
    assert "rendu différent" in await plain.learn()
    for kind in ChatKind:
        assert plain.template(kind, asked(kind)) is None
    monkeypatch.delattr(OpenAIServingChat, "chat_completion_stream_generator")
    assert "AttributeError" in await plain.learn()
