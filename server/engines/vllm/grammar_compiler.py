"""La compilation d'une grammaire comme vLLM la fait, pour l'essai (`server/engines/common/trial_child.py`).

vLLM la confie à une bibliothèque, xgrammar ou llguidance, avec le vocabulaire du modèle, dans son EngineCore et sans
limite de temps. La même est essayée, sans importer vLLM.
"""

import json
from collections.abc import Callable
from typing import Any

Compile = Callable[[str, str], object]


def prepare(settings: dict[str, Any]) -> Callable[[str, str], None]:
    """Charge la bibliothèque `settings["backend"]` ; rend de quoi compiler."""
    compiler = {"xgrammar": _xgrammar, "guidance": _guidance}[settings["backend"]](settings)

    def compile_one(kind: str, source: str) -> None:
        compiler(kind, source)

    return compile_one


def _xgrammar(settings: dict[str, Any]) -> Compile:
    import xgrammar

    if settings["vocabulary"]:
        info = xgrammar.TokenizerInfo.deserialize_json(settings["vocabulary"])
    else:
        # Un vocabulaire qui n'est pas de Hugging Face : les octets montrent encore ce qu'une grammaire a de trop grand.
        info = xgrammar.TokenizerInfo([*(bytes([byte]) for byte in range(256)), b"</s>"], stop_token_ids=[256])
    compact = bool(settings["disable_any_whitespace"])
    spaces = {"any_whitespace": not compact, "separators": (",", ":") if compact else None}

    def compile_one(kind: str, source: str) -> object:
        compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        if kind == "json":
            made = compiler.compile_json_schema(source, **spaces)
        elif kind == "regex":
            made = compiler.compile_regex(source)
        elif kind == "grammar":
            made = compiler.compile_grammar(source) if "::=" in source else compiler.compile_lark(source)
        else:
            made = _tag(xgrammar, compiler, source)
        matcher = xgrammar.GrammarMatcher(made)
        matcher.fill_next_token_bitmask(xgrammar.allocate_token_bitmask(1, info.vocab_size))
        return matcher

    return compile_one


def _tag(xgrammar: Any, compiler: Any, source: str) -> object:
    tag = json.loads(source)
    if "structures" not in tag:
        return compiler.compile_structural_tag(source)
    items = [
        xgrammar.StructuralTagItem(begin=one["begin"], schema=json.dumps(one["schema"]), end=one["end"])
        for one in tag["structures"]
    ]
    return compiler.compile_structural_tag(items, tag["triggers"])


def _guidance(_settings: dict[str, Any]) -> Compile:
    import llguidance

    # Le vocabulaire est sans effet sur ce qui explose chez llguidance : les 256 octets suffisent.
    tokenizer = llguidance.LLTokenizer("byte")

    def compile_one(kind: str, source: str) -> object:
        if kind == "tag":
            # Chacun de ses schémas est un fragment d'une grammaire Lark ; c'est eux qui peuvent exploser.
            for one in json.loads(source)["structures"]:
                compile_one("json", json.dumps(one["schema"]))
            return None
        if kind == "json":
            grammar = llguidance.LLMatcher.grammar_from_json_schema(source)
        else:
            grammar = llguidance.grammar_from(kind, source)
        matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
        if error := matcher.get_error():
            raise ValueError(error)
        return matcher.compute_bitmask()

    return compile_one
