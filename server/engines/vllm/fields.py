"""Ce que vLLM admet en plus d'une requête d'OpenAI, et ce qu'il n'en a pas ; n'importe pas vLLM.

Jamais ce qui donnerait la main sur le serveur (gabarit, chemins, vecteurs, `vllm_xargs`), sur les requêtes des autres
(`priority`, `request_id`, `cache_salt`), ou que vLLM lit sans rien en faire.
"""

from server.chat_fields import RESPONSE_FORMAT, TEMPLATE_SWITCHES, EngineFields, Extra, Field, Type, Use

_INT32 = 2**31 - 1
_FLAG = Extra(Type.BOOLEAN)
_CHAT_FLAG = Extra(Type.BOOLEAN, completion=False)

FIELDS = EngineFields(
    extras={
        "top_k": Extra(Type.INTEGER, low=-1, high=_INT32),
        "min_p": Extra(Type.NUMBER, low=0, high=1),
        "repetition_penalty": Extra(Type.NUMBER, above=0, high=2),
        "min_tokens": Extra(Type.INTEGER, low=0, limit="max_tokens"),
        "prompt_logprobs": Extra(Type.INTEGER, low=0, limit="max_top_logprobs"),
        "truncate_prompt_tokens": Extra(Type.INTEGER, low=-1, high=_INT32),
        "stop_token_ids": Extra(Type.TOKENS, limit="max_stop"),
        "allowed_token_ids": Extra(Type.TOKENS, limit="max_logit_bias"),
        "bad_words": Extra(Type.TEXTS, limit="max_stop"),
        "ignore_eos": _FLAG,
        "include_stop_str_in_output": _FLAG,
        "skip_special_tokens": _FLAG,
        "spaces_between_special_tokens": _FLAG,
        "add_special_tokens": _FLAG,
        "return_token_ids": _FLAG,
        "return_tokens_as_token_ids": _FLAG,
        "echo": _CHAT_FLAG,
        "add_generation_prompt": _CHAT_FLAG,
        "continue_final_message": _CHAT_FLAG,
        "include_reasoning": _CHAT_FLAG,
        "stream_options.continuous_usage_stats": _FLAG,
        "chat_template_kwargs": Extra(Type.OBJECT, completion=False),
        **{f"chat_template_kwargs.{name}": _CHAT_FLAG for name in TEMPLATE_SWITCHES},
        "structured_outputs": Extra(Type.OBJECT),
        "structured_outputs.json": Extra(),
        "structured_outputs.regex": Extra(),
        "structured_outputs.choice": Extra(),
        "structured_outputs.grammar": Extra(),
        "structured_outputs.structural_tag": Extra(),
        "structured_outputs.json_object": _FLAG,
        "response_format": Extra(Type.OBJECT, chat=False, inside=RESPONSE_FORMAT),
    },
    refused={"suffix": Field(Use.REFUSED, neutral=("",), why="vLLM ne complète qu'en avant")},
    partial_schemas=True,
)
