"""llm, de Simon Willison : ses modèles d'ailleurs sont décrits dans `extra-openai-models.yaml`."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cases import CITY, QUESTION, TOO_LONG, Absent, Server, city, play, spoken

os.environ["LLM_USER_PATH"] = tempfile.mkdtemp()
# Lu une fois, à l'import des modèles.
import llm


def cases(server: Server) -> Mapping[str, Callable[[], str]]:
    """Essais."""
    known = [
        {
            "model_id": f"passerelle/{name}",
            "model_name": name,
            "api_base": f"{server.url}/v1",
            "supports_schema": True,
            "supports_tools": True,
            "api_key_name": "passerelle",
        }
        for name in ("qwen", "gpt-4o")
    ]
    (Path(os.environ["LLM_USER_PATH"]) / "extra-openai-models.yaml").write_text(json.dumps(known), encoding="utf-8")

    def prompt(text: str = QUESTION, name: str = "qwen", key: str = server.key, **options: Any) -> Any:
        return llm.get_model(f"passerelle/{name}").prompt(text, key=key, **({"max_tokens": 64} | options))

    def failed(words: str, **options: Any) -> str:
        try:
            prompt(**options).text()
        except Exception as error:
            assert words in str(error), error
            return type(error).__name__
        raise AssertionError("aucune erreur")

    def models() -> str:
        raise Absent("liste ceux de son fichier")

    def chat() -> str:
        assert prompt(stream=False).text()
        return ""

    def tools() -> str:
        def note(city: str, large: bool) -> str:
            """Notes a city."""
            return f"{city} {large}"

        answer = prompt(tools=[note])
        answer.text()
        # Aucun choix d'outil n'y est possible : seul l'appel est éprouvé, pas ce qu'un petit modèle en fait.
        return ""

    def nothing() -> str:
        raise Absent("rien pour cela")

    return {
        "models": models,
        "chat": chat,
        "stream": lambda: spoken(iter(prompt())),
        "schema": lambda: city(json.loads(prompt(schema=CITY).text())),
        "tools": tools,
        "bad_key": lambda: failed("401", key="fausse"),
        "unknown_model": lambda: failed("404", name="gpt-4o"),
        "overflow": lambda: failed("400", text=TOO_LONG),
        "full_queue": lambda: failed("429"),
        "audio": nothing,
        "embeddings": nothing,
    }


if __name__ == "__main__":
    play(cases)
