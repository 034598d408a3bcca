"""Ce que la bibliothèque de grammaires de vLLM applique d'un schéma, et les champs que sa façade lit encore."""

import json
from typing import Any

import pytest
import xgrammar
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.sampling_params import StructuredOutputsParams
from vllm.v1.structured_output.backend_xgrammar import (
    STRING_SUPPORTED_FORMATS,
    has_xgrammar_unsupported_json_features,
)

from server.chat_grammars import Grammar, GrammarKind
from server.engines.vllm.fields import FIELDS
from server.errors import InvalidRequest
from server.front.chat.partial_schemas import FORMATS, check_partial
from server.front.chat.schemas import check_schema
from tests.support.json_schemas import APPLIED, DROPPED

_END = 256


@pytest.fixture(scope="module")
def compiler() -> Any:
    vocabulary = [*(bytes([byte]) for byte in range(_END)), b"</s>"]
    info = xgrammar.TokenizerInfo(vocabulary, stop_token_ids=[_END])
    return xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)


def takes(compiler: Any, schema: Any, text: str) -> bool:
    """Vrai si la grammaire de ce schéma laisse écrire ce texte, et s'arrêter là."""
    matcher = xgrammar.GrammarMatcher(compiler.compile_json_schema(json.dumps(schema)))
    return all(matcher.accept_token(byte) for byte in text.encode()) and matcher.accept_token(_END)


def grammar(schema: Any) -> Grammar:
    return Grammar("s", GrammarKind.JSON, schema)


@pytest.mark.parametrize(("schema", "text"), APPLIED)
def test_what_passes_is_applied(compiler: Any, schema: Any, text: str) -> None:
    check_schema(grammar(schema))
    check_partial(grammar(schema))
    assert not has_xgrammar_unsupported_json_features(schema)
    assert not takes(compiler, schema, text)


@pytest.mark.parametrize(("schema", "name", "text"), DROPPED)
def test_what_is_refused_is_left_out_by_the_library(compiler: Any, schema: Any, name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        check_partial(grammar(schema))
    assert takes(compiler, schema, text)


def test_the_formats_are_those_of_vllm() -> None:
    assert frozenset(STRING_SUPPORTED_FORMATS) == FORMATS


def test_every_extra_is_a_field_that_vllm_reads() -> None:
    for kind, request in (("chat", ChatCompletionRequest), ("completion", CompletionRequest)):
        names = {name for name in FIELDS.extras_of(kind) if "." not in name}
        assert names <= set(request.model_fields)
    inner = {name.partition(".")[2] for name in FIELDS.extras if name.startswith("structured_outputs.")}
    assert inner <= set(StructuredOutputsParams.__dataclass_fields__)
