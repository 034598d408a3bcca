"""Chaque fenêtre d'un lot est rendue comme si elle y était seule : sa longueur, ses jetons, ses boucles, ses mots datés."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("PASSERELLE_TEST_ENGINE", "canary")

from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow
from server.engines.common.loops import kept
from tests.support import tiny_canary
from tests.support.speech_engines import production

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("fenêtres")
    tiny_canary.canary(found / "v2.nemo", aligner=True, times=False)
    tiny_canary.canary(found / "flash.nemo")
    tiny_canary.canary(found / "inculte.nemo", times=False, learn=False)
    return found


@asynccontextmanager
async def opened_here(folder: Path, **options: Any) -> AsyncIterator[Any]:
    engine: Any = production("canary", folder, max_padding=1.0, **options)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


def window(samples: Any, *, words: bool = False) -> RecognitionWindow:
    return RecognitionWindow(samples.astype(np.float32), RecognitionOptions(language="en", words=words))


def said(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.75, 0.999])
async def test_less_than_a_second_is_padded_as_nemo_does(folder: Path, seconds: float) -> None:
    import torch

    short = tiny_canary.wave("bref")[: int(16000 * seconds)]
    async with opened_here(folder, file="v2.nemo") as engine:
        model = engine._model._model
        [found] = await engine.transcribe([window(short, words=True)])
        # La garde de la recherche n'est pas de NeMo : elle lui laisse ici toute la place.
        engine._model._guard.begin(torch.tensor([1000]))
        [expected] = model.transcribe([short], source_lang="en", target_lang="en", verbose=False, batch_size=1)
    assert said(found) == expected.text
    assert all(0.0 <= w.start <= w.end <= max(seconds, 0.1) for s in found.segments for w in s.words)


@pytest.mark.parametrize("strategy", ["greedy", "beam"])
async def test_a_window_that_never_ends_has_its_own_budget(folder: Path, strategy: str) -> None:
    """Un modèle qui n'a rien appris ne finit jamais : ni ses jetons ni son texte ne dépendent de la plus longue du lot."""
    noise = np.random.default_rng(5).standard_normal(16000 * 12) * 0.1
    async with opened_here(
        folder, file="inculte.nemo", strategy=strategy, beam_size=2, max_generation_delta=16
    ) as engine:
        decoded = watch(engine)
        alone = await engine.transcribe([window(noise[:16000])])
        count = len(decoded[0])
        both = await engine.transcribe([window(noise[:16000]), window(noise)])
    assert said(both[0]) == said(alone[0])
    assert [len(one) for one in decoded[1:]][1] == count
    # Une trame toutes les 80 ms, seize jetons de plus, moins l'amorce.
    assert count <= 13 + 16
    assert all(kept(one) == len(one) for one in decoded)


async def test_a_looping_window_is_stopped_before_its_budget(folder: Path) -> None:
    noise = np.random.default_rng(5).standard_normal(16000 * 12) * 0.1
    async with opened_here(folder, file="inculte.nemo", max_generation_delta=400) as engine:
        search = engine._model._model.decoding.decoding.greedy_search
        step, count = search._one_step_forward, 0

        def endless(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            return step(*arguments, **named)

        search._one_step_forward = endless
        decoded = watch(engine)
        await engine.transcribe([window(noise)])
    assert count < 150
    assert len(decoded[0]) < 60


def watch(engine: Any) -> list[list[int]]:
    """Jetons de chaque fenêtre, des plus longues aux plus courtes d'un lot."""
    decoded: list[list[int]] = []
    own = engine._model._decode

    def decode(*arguments: Any) -> Any:
        found = own(*arguments)
        decoded.extend(one.y_sequence.tolist() for one in found)
        return found

    engine._model._decode = decode
    return decoded


async def test_words_are_where_nemo_puts_them_without_copying_whole_posteriors(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from nemo.collections.asr.parts.utils import aligner_utils
    from nemo.collections.asr.parts.utils.rnnt_utils import Hypothesis
    from nemo.collections.asr.parts.utils.timestamp_utils import get_forced_aligned_timestamps_with_external_model

    from server.engines.nemo.alignment import align

    texts = ["One window speaks. Then it stops.", "Every word, every word!", "", "Puis elle se tait. Ah."]
    async with opened_here(folder, file="v2.nemo") as engine:
        model = engine._model._aligner
    lengths = [90, 60, 30, 75]
    columns = len(model.tokenizer.vocab) + 1
    scores = torch.log_softmax(torch.randn(4, 90, columns, generator=torch.Generator().manual_seed(2)), dim=-1)
    heard = [Hypothesis(score=0.0, y_sequence=scores[i, :n], text="") for i, n in enumerate(lengths)]
    expected = [Hypothesis(score=0.0, y_sequence=[], text=text) for text in texts]
    get_forced_aligned_timestamps_with_external_model(
        audio=heard, external_ctc_model=model, main_model_predictions=expected, batch_size=4, timestamp_type=["word"],
        viterbi_device=torch.device("cpu"), has_hypotheses=True, verbose=False,
    )  # fmt: skip
    seen: list[int] = []
    viterbi = aligner_utils.viterbi_decoding

    def decoding(log_probs: Any, *arguments: Any, **named: Any) -> Any:
        seen.append(log_probs.shape[2])
        return viterbi(log_probs, *arguments, **named)

    monkeypatch.setattr(aligner_utils, "viterbi_decoding", decoding)
    found = align(model, scores, lengths, texts, torch.device("cpu"))
    assert found == [[(w["word"], w["start"], w["end"]) for w in one.timestamp["word"]] for one in expected]
    assert seen and seen[0] < columns / 3
