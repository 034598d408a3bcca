"""Le contexte d'un modèle avant tout chargement : ce que son profil en dit."""

from typing import Any

import pytest

from server.domain import Capability, ModelSource, ModelSpec


@pytest.mark.parametrize(
    ("context", "options", "found"),
    [
        (512, {}, 512),
        (512, {"max_model_len": 32768}, 512),
        (0, {"max_model_len": 32768}, 32768),
        (0, {"context_tokens_per_request": 4096}, 4096),
        # vLLM lit aussi « 32k » et « auto » : lui seul sait ce que cela fait.
        (0, {"max_model_len": "32k"}, 0),
        (0, {"max_model_len": -1}, 0),
        (0, {}, 0),
    ],
)
def test_the_profile_tells_it(context: int, options: dict[str, Any], found: int) -> None:
    source = ModelSource("hub", "a/b", "main")
    spec = ModelSpec("m", Capability.CHAT, "vllm", source, "M", context_tokens=context, options=options)
    assert spec.declared_context == found
