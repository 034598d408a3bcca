"""pydantic-ai."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from cases import QUESTION, TOO_LONG, Absent, Server, city, play, refused, spoken
from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import (
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelNotFoundError,
    ModelRateLimitError,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=12)
    large: bool


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""

    def agent(name: str = "qwen", key: str = server.key, **options: Any) -> Agent[None, Any]:
        client = AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)
        model = OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))
        return Agent(model, model_settings={"max_tokens": 64}, retries=0, **options)

    def chat(name: str = "qwen", text: str = QUESTION, key: str = server.key) -> str:
        assert agent(name, key).run_sync(text).output
        return ""

    def stream() -> str:
        async def read() -> list[str]:
            async with agent().run_stream(QUESTION) as answer:
                return [part async for part in answer.stream_text(delta=True, debounce_by=None)]

        return spoken(iter(asyncio.run(read())))

    def absent() -> str:
        raise Absent("ne liste pas les modèles")

    def nothing() -> str:
        raise Absent("rien pour l'audio")

    def embeddings() -> str:
        raise Absent("par un autre paquet")

    return {
        "models": absent,
        "chat": chat,
        "stream": stream,
        "schema": lambda: city(agent(output_type=NativeOutput(City)).run_sync(QUESTION).output.model_dump()),
        # Le mode par défaut d'un agent : sa réponse typée est un appel d'outil.
        "tools": lambda: city(agent(output_type=City).run_sync(QUESTION).output.model_dump()),
        "bad_key": lambda: refused(ModelAuthenticationError, lambda: chat(key="fausse")),
        "unknown_model": lambda: refused(ModelNotFoundError, lambda: chat("gpt-4o")),
        "overflow": lambda: refused(ModelContextWindowExceededError, lambda: chat(text=TOO_LONG)),
        "full_queue": lambda: refused(ModelRateLimitError, chat),
        "audio": nothing,
        "embeddings": embeddings,
    }


if __name__ == "__main__":
    play(cases)
