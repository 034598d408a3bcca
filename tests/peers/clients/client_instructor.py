"""instructor : chaque réponse y est un objet typé, par un schéma ou, d'ordinaire, par un appel d'outil."""

from collections.abc import Callable, Mapping
from typing import Any

import instructor
import openai
from cases import QUESTION, TOO_LONG, Absent, Server, city, play
from instructor.core.exceptions import InstructorRetryException
from pydantic import BaseModel, Field


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=12)
    large: bool


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""

    def ask(
        mode: Any = instructor.Mode.JSON_SCHEMA, name: str = "qwen", text: str = QUESTION, key: str = server.key
    ) -> City:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)
        found: City = instructor.from_openai(client, mode=mode).chat.completions.create(
            model=name,
            messages=[{"role": "user", "content": text}],
            response_model=City,
            max_tokens=64,
            max_retries=0,
        )
        return found

    def stream() -> str:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)
        parts = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA).create_partial(
            model="qwen", messages=[{"role": "user", "content": QUESTION}], response_model=City, max_tokens=64
        )
        *_, last = parts
        return city(last.model_dump())

    def cause(kind: type[Exception], call: Callable[[], Any]) -> str:
        try:
            call()
        except kind as error:
            return type(error).__name__
        except InstructorRetryException as error:
            # Il enveloppe l'erreur du SDK, qu'il garde pour cause.
            found: BaseException | None = error
            while found is not None and not isinstance(found, kind):
                found = found.__cause__ or found.__context__
            assert found is not None, error
            return f"InstructorRetryException, de {type(found).__name__}"
        raise AssertionError("aucune erreur")

    def absent() -> str:
        raise Absent("laissé au SDK d'OpenAI")

    return {
        "models": absent,
        "chat": absent,
        "stream": stream,
        "schema": lambda: city(ask().model_dump()),
        "tools": lambda: city(ask(instructor.Mode.TOOLS).model_dump()),
        "bad_key": lambda: cause(openai.AuthenticationError, lambda: ask(key="fausse")),
        "unknown_model": lambda: cause(openai.NotFoundError, lambda: ask(name="gpt-4o")),
        "overflow": lambda: cause(openai.BadRequestError, lambda: ask(text=TOO_LONG)),
        "full_queue": lambda: cause(openai.RateLimitError, ask),
        "audio": absent,
        "embeddings": absent,
    }


if __name__ == "__main__":
    play(cases)
