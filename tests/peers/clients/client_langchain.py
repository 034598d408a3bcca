"""langchain-openai."""

from collections.abc import Callable, Mapping
from typing import Any

import openai
from cases import CITY, QUESTION, TOO_LONG, Absent, Server, city, play, refused, spoken
from langchain_core.exceptions import ContextOverflowError
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

NAMED = {"title": "note", "description": "Notes a city."} | CITY


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""
    url: Any = f"{server.url}/v1"

    def model(name: str = "qwen", key: str = server.key) -> Any:
        secret: Any = key
        return ChatOpenAI(model=name, base_url=url, api_key=secret, max_retries=0, max_tokens=64)

    def chat(name: str = "qwen", text: str = QUESTION, key: str = server.key) -> str:
        assert model(name, key).invoke(text).content
        return ""

    def tools() -> str:
        answer = model().bind_tools([NAMED], tool_choice="note").invoke(QUESTION)
        [call] = answer.tool_calls
        return city(call["args"])

    def absent() -> str:
        raise Absent("ChatOpenAI ne liste pas les modèles")

    def audio() -> str:
        raise Absent("rien pour l'audio")

    secret: Any = server.key
    embeddings = OpenAIEmbeddings(
        model="qwen", base_url=url, api_key=secret, max_retries=0, check_embedding_ctx_length=False
    )
    return {
        "models": absent,
        "chat": chat,
        "stream": lambda: spoken(part.content for part in model().stream(QUESTION)),
        "schema": lambda: city(model().with_structured_output(NAMED, method="json_schema").invoke(QUESTION)),
        "tools": tools,
        "bad_key": lambda: refused(openai.AuthenticationError, lambda: chat(key="fausse")),
        "unknown_model": lambda: refused(openai.NotFoundError, lambda: chat("gpt-4o")),
        "overflow": lambda: refused(ContextOverflowError, lambda: chat(text=TOO_LONG)),
        "full_queue": lambda: refused(openai.RateLimitError, chat),
        "audio": audio,
        "embeddings": lambda: refused(openai.NotFoundError, lambda: embeddings.embed_query("Bonjour")),
    }


if __name__ == "__main__":
    play(cases)
