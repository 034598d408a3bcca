"""openai, en Python."""

import json
from collections.abc import Callable, Mapping

import openai
from cases import CITY, QUESTION, TOO_LONG, Server, city, play, refused, spoken


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)

    def chat(model: str = "qwen", text: str = QUESTION) -> str:
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], max_completion_tokens=16
        )
        assert answer.choices[0].message.content
        return ""

    def models() -> str:
        assert "qwen" in [model.id for model in client.models.list()]
        return ""

    def stream() -> str:
        with client.chat.completions.stream(
            model="qwen", messages=[{"role": "user", "content": QUESTION}], max_completion_tokens=16
        ) as events:
            return spoken(event.delta for event in events if event.type == "content.delta")

    def schema() -> str:
        answer = client.chat.completions.create(
            model="qwen",
            messages=[{"role": "user", "content": QUESTION}],
            max_completion_tokens=64,
            response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}},
        )
        return city(json.loads(answer.choices[0].message.content or ""))

    def tools() -> str:
        answer = client.chat.completions.create(
            model="qwen",
            messages=[{"role": "user", "content": QUESTION}],
            max_completion_tokens=64,
            tools=[{"type": "function", "function": {"name": "note", "parameters": CITY}}],
            tool_choice={"type": "function", "function": {"name": "note"}},
        )
        [call] = answer.choices[0].message.tool_calls or []
        return city(json.loads(call.function.arguments))

    def audio() -> str:
        with open(server.speech, "rb") as file:
            assert client.audio.transcriptions.create(model="whisper-1", file=file).text
        return ""

    def overflow() -> str:
        try:
            chat(text=TOO_LONG)
        except openai.BadRequestError as error:
            assert error.code == "context_length_exceeded", error
            return f"BadRequestError, {error.code}"
        raise AssertionError("aucune erreur")

    other = client.with_options(api_key="fausse")
    return {
        "models": models,
        "chat": chat,
        "stream": stream,
        "schema": schema,
        "tools": tools,
        "bad_key": lambda: refused(openai.AuthenticationError, other.models.list),
        "unknown_model": lambda: refused(openai.NotFoundError, lambda: chat("gpt-4o")),
        "overflow": overflow,
        "full_queue": lambda: refused(openai.RateLimitError, chat),
        "audio": audio,
        "embeddings": lambda: refused(
            openai.NotFoundError, lambda: client.embeddings.create(model="qwen", input="Bonjour")
        ),
    }


if __name__ == "__main__":
    play(cases)
