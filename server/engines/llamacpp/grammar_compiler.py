"""La compilation d'une grammaire comme llama.cpp la fait, pour l'essai (`server/engines/common/trial_child.py`).

xllamacpp est construit avec llguidance : un schéma JSON y devient une grammaire Lark, que l'échantillonneur compile
dans la boucle qui sert tout le monde. Les mêmes fonctions sont appelées ici, du même fichier ; le vocabulaire, sans
effet sur ce qui explose, se réduit aux 256 octets.
"""

import ctypes as c
from collections.abc import Callable
from typing import Any

_EOS = 256
_STARTS = ('{"', '["', '"a', "-1")
"""Débuts de réponse essayés : une grammaire qui se compile peut encore être trop large à son premier mot."""


class _Tokenizer(c.Structure):
    """`LlgTokenizerInit` de llguidance.h."""

    _fields_ = (
        ("vocab_size", c.c_uint32),
        ("tok_eos", c.c_uint32),
        ("token_lens", c.POINTER(c.c_uint32)),
        ("token_bytes", c.POINTER(c.c_uint8)),
        ("tokenizer_json", c.c_char_p),
        ("tokenize_assumes_string", c.c_bool),
        ("tokenize_fn", c.c_void_p),
        ("use_approximate_greedy_tokenize_fn", c.c_bool),
        ("tokenize_user_data", c.c_void_p),
        ("slices", c.c_void_p),
    )


def prepare(_settings: dict[str, Any]) -> Callable[[str, str], None]:
    """Charge la bibliothèque ; rend de quoi compiler."""
    import xllamacpp

    library = c.CDLL(xllamacpp.xllamacpp.__file__)
    for name, result, *arguments in (
        ("llg_new_tokenizer", c.c_void_p, c.POINTER(_Tokenizer), c.c_char_p, c.c_size_t),
        ("llg_constraint_init_set_defaults", None, c.c_void_p, c.c_void_p),
        ("llg_new_matcher", c.c_void_p, c.c_void_p, c.c_char_p, c.c_char_p),
        ("llg_matcher_get_error", c.c_char_p, c.c_void_p),
        ("llg_matcher_compute_mask", c.c_int32, c.c_void_p),
        ("llg_matcher_validate_tokens", c.c_int32, c.c_void_p, c.POINTER(c.c_uint32), c.c_size_t),
        ("llg_matcher_consume_tokens", c.c_int32, c.c_void_p, c.POINTER(c.c_uint32), c.c_size_t),
        ("llg_matcher_reset", c.c_int32, c.c_void_p),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    # La fin d'un texte est un jeton spécial : 0xFF, qui n'est d'aucun texte, le marque.
    tokens = [bytes([byte]) for byte in range(256)] + [b"\xff[eos]"]
    lengths = (c.c_uint32 * len(tokens))(*map(len, tokens))
    joined = b"".join(tokens)
    vocabulary = _Tokenizer(
        vocab_size=len(tokens),
        tok_eos=_EOS,
        token_lens=lengths,
        token_bytes=(c.c_uint8 * len(joined)).from_buffer_copy(joined),
        use_approximate_greedy_tokenize_fn=True,
    )
    said = c.create_string_buffer(1000)
    tokenizer = library.llg_new_tokenizer(c.byref(vocabulary), said, len(said))
    if not tokenizer:
        raise RuntimeError(said.value.decode(errors="replace"))
    settings = c.create_string_buffer(4096)
    library.llg_constraint_init_set_defaults(settings, tokenizer)

    def compile_one(kind: str, source: str) -> None:
        grammar = xllamacpp.json_schema_to_grammar(source) if kind == "json" else source
        matcher = library.llg_new_matcher(settings, b"lark", grammar.encode())
        for start in _STARTS:
            _raise(library.llg_matcher_get_error(matcher))
            library.llg_matcher_compute_mask(matcher)
            _raise(library.llg_matcher_get_error(matcher))
            words = (c.c_uint32 * len(start))(*start.encode())
            allowed = library.llg_matcher_validate_tokens(matcher, words, len(start))
            library.llg_matcher_consume_tokens(matcher, words, allowed)
            library.llg_matcher_compute_mask(matcher)
            _raise(library.llg_matcher_get_error(matcher))
            library.llg_matcher_reset(matcher)

    return compile_one


def _raise(error: bytes | None) -> None:
    if error:
        raise ValueError(error.decode(errors="replace").partition("\n")[0])
