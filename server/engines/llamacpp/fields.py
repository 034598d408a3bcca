"""Ce que llama.cpp admet en plus d'une requête d'OpenAI, et ce qu'il n'en a pas ; n'importe pas llama.cpp.

Jamais ce qui toucherait aux places et au cache des autres (`id_slot`, `cache_prompt`), ni ce qui ferait rendre tout le
vocabulaire (`n_probs`).
"""

from server.chat_fields import TEMPLATE_SWITCHES, EngineFields, Extra, Field, Type, Use

_INT32 = 2**31 - 1

FIELDS = EngineFields(
    extras={
        "top_k": Extra(Type.INTEGER, low=-1, high=_INT32),
        "min_p": Extra(Type.NUMBER, low=0, high=1),
        "typical_p": Extra(Type.NUMBER, low=0, high=1),
        "repetition_penalty": Extra(Type.NUMBER, above=0, high=2, sent_as="repeat_penalty"),
        "repeat_penalty": Extra(Type.NUMBER, above=0, high=2),
        "repeat_last_n": Extra(Type.INTEGER, low=-1, limit="max_tokens"),
        "ignore_eos": Extra(Type.BOOLEAN),
        "chat_template_kwargs": Extra(Type.OBJECT, completion=False),
        **{f"chat_template_kwargs.{name}": Extra(Type.BOOLEAN, completion=False) for name in TEMPLATE_SWITCHES},
        "json_schema": Extra(),
        "grammar": Extra(),
        "response_format.schema": Extra(completion=False),
    },
    refused={
        "suffix": Field(Use.REFUSED, neutral=("",), why="llama.cpp ne complète ici qu'en avant"),
        "reasoning_effort": Field(Use.REFUSED, neutral=("none",), why="llama.cpp ne le règle pas"),
    },
    null_usage=True,
)
