"""Ce que LangChain et LiteLLM font de nos refus : leurs vraies classes d'erreur, levées par un vrai serveur.

`python client_errors.py langchain|litellm <adresse jusqu'à /v1> <clé> <modèle>`, dans l'environnement de la bibliothèque :
ce fichier n'importe rien d'ici. La clé peut être vide, si le serveur n'en exige pas ; le modèle doit être chargé, et son
contexte tenir dans `LONG`.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

LONG = "one two " * 20_000
"""Texte plus long que tout contexte des essais."""


def raised(kind: type[BaseException], call: Callable[[], object]) -> BaseException:
    """Erreur levée par l'appel, qui doit être de cette classe exactement ou d'une fille."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} attendue, rien n'a été levé")


def check_langchain(base: str, key: str, model: str) -> None:
    """Erreurs typées de langchain-openai, en une réponse et en flux."""
    openai = import_module("openai")
    overflow = import_module("langchain_core.exceptions").ContextOverflowError

    def chat(**more: object) -> Any:
        settings = {"base_url": base, "api_key": key or "sans-objet", "model": model, "max_retries": 0, "max_tokens": 8}
        return import_module("langchain_openai").ChatOpenAI(**(settings | more))

    raised(overflow, lambda: chat().invoke(LONG))
    raised(overflow, lambda: list(chat().stream(LONG)))
    raised(openai.NotFoundError, lambda: chat(model="gpt-absent").invoke("Hi"))
    if key:
        raised(openai.AuthenticationError, lambda: chat(api_key="fausse").invoke("Hi"))
    wrong = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strng"}}}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        raised(openai.BadRequestError, lambda: chat().bind(response_format=wrong).invoke("Hi"))
    assert any("Invalid schema" in str(one.message) for one in told), [str(one.message) for one in told]


def check_litellm(base: str, key: str, model: str) -> None:
    """Classes d'erreur de LiteLLM, que ses reprises et ses replis lisent."""
    litellm = import_module("litellm")

    def complete(text: str = "Hi", **more: object) -> object:
        messages = [{"role": "user", "content": text}]
        settings = {"model": f"openai/{model}", "api_base": base, "api_key": key or "sans-objet", "max_retries": 0}
        answer = litellm.completion(**(settings | {"messages": messages, "max_tokens": 8} | more))
        return list(answer) if more.get("stream") else answer

    raised(litellm.ContextWindowExceededError, lambda: complete(LONG))
    raised(litellm.ContextWindowExceededError, lambda: complete(LONG, stream=True))
    raised(litellm.NotFoundError, lambda: complete(model="openai/gpt-absent"))
    if key:
        raised(litellm.AuthenticationError, lambda: complete(api_key="fausse"))


def check_litellm_rate_limit(base: str, key: str, model: str) -> None:
    """Une file pleine : à appeler devant un serveur dont le modèle n'a plus de place."""
    litellm = import_module("litellm")

    settings = {"model": f"openai/{model}", "api_base": base, "api_key": key or "sans-objet", "max_retries": 0}
    error = raised(
        litellm.RateLimitError, lambda: litellm.completion(**settings, messages=[{"role": "user", "content": "Hi"}])
    )
    assert "Rate limit reached" in str(error)


CHECKS = {"langchain": check_langchain, "litellm": check_litellm, "litellm-file": check_litellm_rate_limit}

if __name__ == "__main__":
    CHECKS[sys.argv[1]](*sys.argv[2:5])
    print("tout est bon")
