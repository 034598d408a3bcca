"""Les phrases qu'un transducteur préfère : un automate par requête, que NeMo consulte à chaque jeton."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from server.engines.base_audio import RecognitionOptions

_BOOST = 1.0
"""Poids d'une requête qui n'en dit rien."""


@contextmanager
def boosted(model: Any, options: Sequence[RecognitionOptions]) -> Iterator[list[Any] | None]:
    """Les phrases de chaque onde d'un lot, le temps de le décoder ; `None` si aucune n'en a."""
    if not any(one.phrases for one in options):
        yield None
        return
    from nemo.collections.asr.parts.context_biasing.biasing_multi_model import BiasingRequestItemConfig
    from nemo.collections.asr.parts.context_biasing.boosting_graph_batched import BoostingTreeModelConfig
    from nemo.collections.asr.parts.utils.rnnt_utils import Hypothesis

    class Preferring(Hypothesis):  # type: ignore[misc]
        """Une onde pas encore décodée : elle devient ce qui en est décodé, durées comprises, que NeMo oublierait."""

        def merge_(self, other: Any) -> Any:
            self.__dict__.update(other.__dict__)
            return self

    known = model.decoding.decoding.decoding_computer.biasing_multi_model
    requests: list[Any] = []
    try:
        for one in options:
            if not one.phrases:
                requests.append(None)
                continue
            asked = BiasingRequestItemConfig(
                BoostingTreeModelConfig(key_phrases_list=list(one.phrases)),
                boosting_model_alpha=_BOOST if one.phrase_boost is None else one.phrase_boost,
            )
            asked.add_to_multi_model(model.tokenizer, known)
            requests.append(asked)
        yield [None if one is None else Preferring.empty_with_biasing_cfg(one) for one in requests]
    finally:
        for one in requests:
            if one is not None:
                one.remove_from_multi_model(known)
