"""llama-index, par OpenAILike : sa classe OpenAI refuse un nom de modèle qu'OpenAI n'a pas."""

from collections.abc import Callable, Mapping

import openai
from cases import QUESTION, TOO_LONG, Absent, Server, city, play, refused, spoken
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel, Field


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=12)
    large: bool


def note(city: str, large: bool) -> str:
    """Notes a city."""
    return f"{city} {large}"


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""

    def model(name: str = "qwen", key: str = server.key, tools: bool = False) -> OpenAILike:
        return OpenAILike(
            model=name,
            api_base=f"{server.url}/v1",
            api_key=key,
            is_chat_model=True,
            is_function_calling_model=tools,
            should_use_structured_outputs=not tools,
            context_window=1024,
            max_tokens=64,
            max_retries=0,
        )

    def chat(name: str = "qwen", text: str = QUESTION, key: str = server.key) -> str:
        assert model(name, key).chat([ChatMessage(role="user", content=text)]).message.content
        return ""

    def stream() -> str:
        return spoken(part.delta for part in model().stream_chat([ChatMessage(role="user", content=QUESTION)]))

    def schema() -> str:
        answer = model().as_structured_llm(City).chat([ChatMessage(role="user", content=QUESTION)])
        assert isinstance(answer.raw, City)
        return city(answer.raw.model_dump())

    def tools() -> str:
        llm = model(tools=True)
        answer = llm.chat_with_tools([FunctionTool.from_defaults(note)], QUESTION, tool_required=True)
        [call] = llm.get_tool_calls_from_response(answer)
        return city(call.tool_kwargs)

    def absent() -> str:
        raise Absent("OpenAILike ne liste pas les modèles")

    def apart() -> str:
        raise Absent("dans un autre paquet")

    return {
        "models": absent,
        "chat": chat,
        "stream": stream,
        "schema": schema,
        "tools": tools,
        "bad_key": lambda: refused(openai.AuthenticationError, lambda: chat(key="fausse")),
        "unknown_model": lambda: refused(openai.NotFoundError, lambda: chat("gpt-4o")),
        "overflow": lambda: refused(openai.BadRequestError, lambda: chat(text=TOO_LONG)),
        "full_queue": lambda: refused(openai.RateLimitError, chat),
        "audio": apart,
        "embeddings": apart,
    }


if __name__ == "__main__":
    play(cases)
