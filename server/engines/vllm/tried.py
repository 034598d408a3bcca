"""Les grammaires que vLLM compilerait, essayées d'abord : celles qu'il tire lui-même d'une requête, outils compris."""

import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.chat_grammars import Grammar, GrammarKind, grammars
from server.engines.base import ChatKind, TrialBounds
from server.engines.common.trials import GrammarTrials
from server.errors import PasserelleError

logger = logging.getLogger(__name__)

_COMPILER = Path(__file__).with_name("grammar_compiler.py")
_BACKENDS = ("xgrammar", "guidance")
"""Valeurs de `structured_outputs_config.backend` dont la bibliothèque s'essaie ; `auto` n'arrive pas (`options.py`)."""


@dataclass(slots=True)
class Asking:
    """Requête que vLLM prépare ou mène."""

    name: str
    """Nom sous lequel elle demande le modèle."""
    field: str
    """Champ d'où vient sa grammaire, si elle en a une."""
    kind: ChatKind = ChatKind.CHAT
    refused: PasserelleError | None = None
    """Refus de l'essai, que vLLM ne rend que par son texte."""

    @classmethod
    def of(cls, kind: ChatKind, body: Mapping[str, Any]) -> "Asking":
        fields = [grammar.field for grammar in grammars(body) if not grammar.field.startswith("tools[")]
        return cls(body["model"], (fields or ["tools"])[0], kind)


asking: ContextVar[Asking] = ContextVar("asking")
NOBODY = Asking("", "structured_outputs")
"""Ce que vLLM se demande à lui-même, à son ouverture."""


def trials_of(
    backend: str, tokenizer: Any, vocab_size: int, compact: bool, bounds: TrialBounds
) -> GrammarTrials | None:
    """Essais à la façon de vLLM ; `None` pour une bibliothèque qui n'est pas des deux que Passerelle essaie."""
    if backend not in _BACKENDS:
        logger.warning("grammars_untried", extra={"backend": backend})
        return None
    settings = {"backend": backend, "disable_any_whitespace": compact, "vocabulary": ""}
    if backend == "xgrammar":
        import xgrammar

        try:
            vocabulary = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocab_size)
            settings["vocabulary"] = vocabulary.serialize_json()
        except Exception as error:
            logger.warning("grammars_tried_on_bytes", extra={"error": str(error)[:500]})
    return GrammarTrials(_COMPILER, bounds, settings)


def install(engine: Any, trials: GrammarTrials) -> None:
    """Essaie la grammaire de toute requête confiée à `engine` avant de la lui laisser."""
    generate: Callable[..., AsyncGenerator[Any, None]] = engine.generate

    def tried(prompt: Any, sampling_params: Any, *args: Any, **more: Any) -> AsyncGenerator[Any, None]:
        outputs = generate(prompt, sampling_params, *args, **more)
        asked = asking.get(NOBODY)
        grammar = constraint(sampling_params, asked.field)
        return outputs if grammar is None else _after(trials, grammar, asked, outputs)

    engine.generate = tried


def constraint(sampling_params: Any, field: str) -> Grammar | None:
    """Grammaire qu'un échantillonnage demande à vLLM de compiler ; « un objet quelconque » n'en est pas une."""
    asked = getattr(sampling_params, "structured_outputs", None)
    if asked is None:
        return None
    if asked.choice is not None:
        # Les échappements de JSON sont aussi ceux d'EBNF.
        words = " | ".join(json.dumps(str(one), ensure_ascii=False) for one in asked.choice)
        return Grammar(field, GrammarKind.GRAMMAR, f"root ::= {words}")
    for kind, source in (
        (GrammarKind.JSON, asked.json),
        (GrammarKind.REGEX, asked.regex),
        (GrammarKind.GRAMMAR, asked.grammar),
        (GrammarKind.TAG, asked.structural_tag),
    ):
        if source is not None:
            return Grammar(field, kind, source)
    return None


async def _after(
    trials: GrammarTrials, grammar: Grammar, asked: Asking, outputs: AsyncGenerator[Any, None]
) -> AsyncGenerator[Any, None]:
    async with aclosing(outputs):
        try:
            await trials.check(grammar)
        except PasserelleError as error:
            asked.refused = error
            raise
        async for output in outputs:
            yield output
