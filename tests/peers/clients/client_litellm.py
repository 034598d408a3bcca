"""litellm, par son fournisseur « openai » et une adresse."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import litellm
from cases import CITY, QUESTION, TOO_LONG, Server, city, play, refused, spoken


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""
    litellm.suppress_debug_info = True
    where = {"api_base": f"{server.url}/v1", "api_key": server.key, "max_retries": 0}

    def ask(name: str = "qwen", text: str = QUESTION, **options: Any) -> Any:
        return litellm.completion(
            model=f"openai/{name}",
            messages=[{"role": "user", "content": text}],
            **({"max_tokens": 64} | where | options),
        )

    def chat(name: str = "qwen", text: str = QUESTION, **options: Any) -> str:
        assert ask(name, text, **options).choices[0].message.content
        return ""

    def models() -> str:
        found = litellm.get_valid_models(
            check_provider_endpoint=True,
            custom_llm_provider="openai",
            api_key=server.key,
            api_base=server.url,
        )
        assert any(name.endswith("qwen") for name in found), found
        return ""

    def tools() -> str:
        answer = ask(
            tools=[{"type": "function", "function": {"name": "note", "parameters": CITY}}],
            tool_choice={"type": "function", "function": {"name": "note"}},
        )
        [call] = answer.choices[0].message.tool_calls
        return city(json.loads(call.function.arguments))

    def schema() -> str:
        format_ = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
        return city(json.loads(ask(response_format=format_).choices[0].message.content))

    def audio() -> str:
        with open(server.speech, "rb") as file:
            assert litellm.transcription(model="openai/whisper-1", file=file, **where).text
        return ""

    return {
        "models": models,
        "chat": chat,
        "stream": lambda: spoken(part.choices[0].delta.content for part in ask(stream=True)),
        "schema": schema,
        "tools": tools,
        "bad_key": lambda: refused(litellm.AuthenticationError, lambda: chat(api_key="fausse")),
        "unknown_model": lambda: refused(litellm.NotFoundError, lambda: chat("gpt-4o")),
        "overflow": lambda: refused(litellm.ContextWindowExceededError, lambda: chat(text=TOO_LONG)),
        "full_queue": lambda: refused(litellm.RateLimitError, chat),
        "audio": audio,
        "embeddings": lambda: refused(
            litellm.NotFoundError, lambda: litellm.embedding(model="openai/qwen", input=["Bonjour"], **where)
        ),
    }


if __name__ == "__main__":
    play(cases)
