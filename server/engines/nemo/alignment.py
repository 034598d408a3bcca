"""L'alignement forcé d'un texte sur son onde, par le modèle CTC de canary-1b-v2, sans sortir ses probabilités du GPU.

NeMo recopie sur le processeur, puis deux fois sur le GPU, les probabilités de tout le vocabulaire à chaque trame :
25 Mo pour trente secondes. Un texte n'emploie que quelques dizaines de jetons : leurs colonnes seules sont gardées,
puis alignées par les fonctions de NeMo.
"""

from collections.abc import Sequence
from typing import Any

_PUNCTUATION = frozenset(",.!?")
_NEVER = -3.4e38
"""Probabilité impossible, celle de NeMo."""

Times = list[tuple[str, float, float]]
"""Mots, début et fin en secondes ; -1 pour un mot que l'alignement n'a pas placé."""


def align(model: Any, posteriors: Any, lengths: Sequence[int], texts: Sequence[str], device: Any) -> list[Times]:
    """Mots datés de chaque texte ; `posteriors` : logarithmes de probabilités (lot, trames, jetons), sur `device`."""
    import torch
    from nemo.collections.asr.parts.utils.aligner_utils import (
        add_t_start_end_to_utt_obj,
        get_utt_obj,
        viterbi_decoding,
    )

    step = model.cfg.preprocessor.window_stride * model.encoder.subsampling_factor
    spoken = [
        get_utt_obj(
            text=" ".join(text.split()),
            model=model,
            T=length,
            audio_filepath=f"audio_{rank}",
            utt_id=f"audio_{rank}",
        )
        for rank, (text, length) in enumerate(zip(texts, lengths, strict=True))
    ]
    columns = [sorted(set(one.token_ids_with_blanks)) for one in spoken]
    widest, longest = max(map(len, columns)), max(lengths)
    scores = torch.full((len(spoken), longest, widest), _NEVER, device=device)
    # La dernière colonne, après toutes, est celle du remplissage.
    tokens = torch.full((len(spoken), max(len(one.token_ids_with_blanks) for one in spoken)), widest)
    for rank, (one, own) in enumerate(zip(spoken, columns, strict=True)):
        chosen = torch.tensor(own, device=device)
        scores[rank, : lengths[rank], : len(own)] = posteriors[rank, : lengths[rank]].index_select(1, chosen).float()
        places = {token: place for place, token in enumerate(own)}
        tokens[rank, : len(one.token_ids_with_blanks)] = torch.tensor([places[x] for x in one.token_ids_with_blanks])
    found = viterbi_decoding(
        scores,
        tokens,
        torch.tensor(list(lengths)),
        torch.tensor([len(one.token_ids_with_blanks) for one in spoken]),
        viterbi_device=device,
    )
    return [_words(add_t_start_end_to_utt_obj(one, path, step)) for one, path in zip(spoken, found, strict=True)]


def _words(utterance: Any) -> Times:
    from nemo.collections.asr.parts.utils.aligner_utils import Segment, Word

    return [
        (word.text, round(word.t_start, 2), _end(word))
        for segment in utterance.segments_and_tokens
        if isinstance(segment, Segment)
        for word in segment.words_and_tokens
        if isinstance(word, Word)
    ]


def _end(word: Any) -> float:
    """Fin d'un mot : celle de sa dernière lettre, car une ponctuation peut tenir plusieurs trames."""
    from nemo.collections.asr.parts.utils.aligner_utils import BLANK_TOKEN

    end, last = round(word.t_end, 2), None
    for token in word.tokens:
        if token.text == BLANK_TOKEN:
            continue
        if token.text in _PUNCTUATION:
            spoken = round(token.t_start if last is None else last.t_end, 2)
            if word.t_end == token.t_end:
                end = spoken
            token.t_start = token.t_end = spoken
        last = token
    return float(end)
