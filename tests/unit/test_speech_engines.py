"""Ce qui se juge sans bibliothèque : lots, mots datés, amorces, langues, options, recettes de pipeline, échecs."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from server.engines.base import EngineSpec
from server.engines.base_audio import RecognitionOptions, RecognitionWindow
from server.engines.common.buckets import bucketed, padding
from server.engines.common.faults import fault_of
from server.engines.common.options import read_options
from server.engines.common.owner import OwnerThread
from server.engines.common.sentences import segments_of, timed_words, word_confidences
from server.engines.nemo.engine import NemoEngine
from server.engines.nemo.model import check_languages, checkpoint_in
from server.engines.nemo.multitask import prompt_slots
from server.engines.nemo.options import NemoSettings
from server.engines.pyannote.config import recipe_of
from server.engines.pyannote.engine import batch_sizes
from server.engines.pyannote.options import PyannoteSettings
from server.engines.whisper.engine import WhisperEngine, segments_in
from server.errors import EngineDead, EngineFailed, ModelLoadFailed, UnsupportedOption

GIB = 1 << 30


@pytest.mark.parametrize("most", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("lengths", [[], [5], [30, 1, 29, 2, 28], [10] * 6, [0, 0, 7], list(range(1, 40))])
def test_buckets_hold_everything_once_within_the_padding_allowed(lengths: list[int], most: float) -> None:
    buckets = bucketed(lengths, most)
    assert sorted(index for bucket in buckets for index in bucket) == list(range(len(lengths)))
    for bucket in buckets:
        area = max(lengths[index] for index in bucket) * len(bucket)
        assert area - sum(lengths[index] for index in bucket) <= most * area + 1e-9
        assert padding([lengths[index] for index in bucket]) <= most


def test_buckets_are_as_few_as_the_padding_allows() -> None:
    assert bucketed([3, 30, 29], 0.5) == [[1, 2, 0]]
    assert bucketed([3, 30, 29], 0.2) == [[1, 2], [0]]


def test_nemo_takes_in_one_pass_what_its_options_say() -> None:
    engine = NemoEngine(EngineSpec("canary", Path("/nulle-part")))

    def window(seconds: float, temperature: float = 0.0) -> RecognitionWindow:
        return RecognitionWindow(
            np.zeros(int(seconds * 16000), np.float32), RecognitionOptions(temperature=temperature)
        )

    assert engine.fits([], window(30)) and engine.fits([], window(0))
    assert engine.fits([window(30)], window(20))
    assert not engine.fits([window(30), window(30)], window(0.5, temperature=0.5))
    # Un second lot coûterait un décodage de plus ; un complément, presque rien.
    assert engine.fits([window(30)] * 2 + [window(1)] * 2, window(1))
    assert engine.fits([window(2)] * 2, window(30))
    # Un lot de direct a plus de fenêtres, jamais plus d'audio que 32 des plus longues.
    assert engine.max_batch == 32 and engine.max_live_batch == 96
    assert engine.fits([window(30)] * 31, window(30)) and not engine.fits([window(30)] * 32, window(1))
    assert engine.fits([window(10)] * 95, window(2)) and not engine.fits([window(10)] * 95, window(11))
    assert engine.fits([window(0)] * 40, window(0))
    engine._settings = NemoSettings(max_padding=0.5)
    assert engine.fits([window(30)], window(20))
    assert not engine.fits([window(30)] * 2 + [window(1)] * 2, window(1))
    assert not engine.fits([window(2)] * 2, window(30))


def test_words_keep_their_confidence_within_bounds() -> None:
    found = timed_words([("a", 0.5, 0.2), (" ", 0.6, 0.7), ("b ", -1, -1), ("c", 0.1, 9.0)], 2.0, [0.5, 2.0, -1.0])
    assert [(word.text, word.confidence) for word in found] == [("a", 0.5), ("b", 1.0), ("c", 0.0)]
    assert [word.confidence for word in timed_words([("a", 0, 1)], 2.0, [0.1, 0.2])] == [None]


def test_segments_end_with_a_sentence_or_a_pause() -> None:
    words = timed_words([("Un.", 0.0, 0.2), ("Deux", 0.3, 0.4), ("trois", 2.0, 2.1)], 3.0, [0.2, 0.4, 0.6])
    segments = segments_of("Un. Deux trois", words, 3.0)
    assert [(segment.text, segment.start, segment.end) for segment in segments] == [
        ("Un.", 0.0, 0.2), ("Deux", 0.3, 0.4), ("trois", 2.0, 2.1),
    ]  # fmt: skip
    [whole] = segments_of(" Un. Deux ", (), 3.0, 0.7)
    assert (whole.text, whole.start, whole.end, whole.confidence) == ("Un. Deux", 0.0, 3.0, 0.7)
    assert segments_of("  ", (), 3.0) == ()


def test_words_written_without_a_space_stay_in_one_segment() -> None:
    def heard(*texts: str) -> list[tuple[str, float, float]]:
        words = [
            SimpleNamespace(word=text, start=rank, end=rank + 0.5, probability=0.5) for rank, text in enumerate(texts)
        ]
        segment = SimpleNamespace(text="".join(texts), words=words, avg_logprob=-0.1, no_speech_prob=0.25)
        found = segments_in(segment, 3.2)
        assert all((one.confidence, one.no_speech_probability) == (0.5, 0.25) for one in found)
        return [(one.text, one.start, one.end) for one in found]

    assert heard(" Il", " a", "-t", "-il") == [("Il a-t-il", 0.0, 3.2)]
    assert heard(" Dit", " M.", "5.", " Fin") == [("Dit M.5.", 0.0, 2.5), ("Fin", 3.0, 3.2)]
    assert heard("本", "。", "本") == [("本。", 0.0, 1.5), ("本", 2.0, 2.5)]
    assert heard(" لماذا؟", " نعم") == [("لماذا؟", 0.0, 0.5), ("نعم", 1.0, 1.5)]
    silent = SimpleNamespace(text=" ", words=None, avg_logprob=0.0, no_speech_prob=0.9)
    assert segments_in(silent, 2.0) == ()
    [whole] = segments_in(SimpleNamespace(text=" Oui.", words=None, avg_logprob=0.0, no_speech_prob=0.9), 2.0)
    assert (whole.text, whole.end, whole.confidence, whole.no_speech_probability) == ("Oui.", 2.0, 1.0, 0.9)


def test_a_word_has_the_mean_confidence_of_its_pieces() -> None:
    pieces = ["▁mo", "t", "<|3|>", "un", "▁", "fin"]
    assert word_confidences(pieces, [0.2, 0.4, 0.9, 0.5, 0.6, 0.8]) == pytest.approx([0.3, 0.5, 0.7])


def test_prompts_follow_their_format() -> None:
    asked = RecognitionOptions(language="fr", target_language="en", words=True, punctuation=False)
    canary2 = {"source_lang", "target_lang", "pnc", "timestamp", "itn"}
    assert prompt_slots(asked, canary2, special_times=True) == {
        "source_lang": "fr", "target_lang": "en", "pnc": "no", "timestamp": "yes",
    }  # fmt: skip
    assert prompt_slots(asked, canary2, special_times=False)["timestamp"] == "no"
    first = {"source_lang", "target_lang", "pnc", "task"}
    assert prompt_slots(asked, first, special_times=False)["task"] == "ast"
    assert prompt_slots(RecognitionOptions(language="fr"), first, special_times=False) == {
        "source_lang": "fr", "target_lang": "fr", "pnc": "yes", "task": "asr",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "default", "field"),
    [
        (RecognitionOptions(), "", "language"),
        (RecognitionOptions(language="zh"), "fr", "language"),
        (RecognitionOptions(language="fr", target_language="zh"), "", "target_language"),
        (RecognitionOptions(language="fr", target_language="de"), "", "target_language"),
        (RecognitionOptions(target_language="de"), "fr", "target_language"),
    ],
)
def test_languages_refused(options: RecognitionOptions, default: str, field: str) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        check_languages(options, ("fr", "en", "de"), default)
    assert refused.value.metadata["field"] == field
    assert refused.value.metadata["limit"]


def test_languages_accepted() -> None:
    for options, default in (
        (RecognitionOptions(language="fr"), ""),
        (RecognitionOptions(), "fr"),
        (RecognitionOptions(target_language="en"), "fr"),
        (RecognitionOptions(language="en", target_language="de"), ""),
    ):
        check_languages(options, ("fr", "en", "de"), default)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"beams": 1}, "beams"),
        ({"max_batch": "4"}, "max_batch"),
        ({"max_batch": True}, "max_batch"),
        ({"max_batch": 0}, "max_batch"),
        ({"max_window_seconds": 41}, "max_window_seconds"),
        ({"max_padding": 1.5}, "max_padding"),
        ({"dtype": "fp8"}, "dtype"),
        ({"strategy": "alsd"}, "strategy"),
        ({"languages": "fr"}, "languages"),
        ({"languages": ["en"], "default_language": "fr"}, "default_language"),
    ],
)
def test_options_of_nemo_are_checked(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ModelLoadFailed) as refused:
        read_options(NemoSettings, options)
    assert refused.value.metadata["field"] == f"options.{field}"


def test_options_of_the_profile_are_read() -> None:
    read = read_options(NemoSettings, {"languages": ["fr", "en"], "max_window_seconds": 20, "max_generation_delta": 60})
    assert (read.languages, read.max_window_seconds, read.max_generation_delta) == (("fr", "en"), 20.0, 60)
    assert read_options(PyannoteSettings, {"embedding_batch_size": 16}).embedding_batch_size == 16
    for options in ({"embedding_batch_size": 0}, {"segmentation_step": 2.0}, {"autre": 1}):
        with pytest.raises(ModelLoadFailed):
            read_options(PyannoteSettings, options)


def test_the_checkpoint_is_the_only_one_or_the_one_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="aucun fichier"):
        checkpoint_in(tmp_path / "absent", "")
    (tmp_path / "README.md").touch()
    with pytest.raises(ModelLoadFailed, match=r"README\.md"):
        checkpoint_in(tmp_path, "")
    (tmp_path / "a.nemo").touch()
    assert checkpoint_in(tmp_path, "").name == "a.nemo"
    (tmp_path / "b.nemo").touch()
    with pytest.raises(ModelLoadFailed, match="plusieurs"):
        checkpoint_in(tmp_path, "")
    assert checkpoint_in(tmp_path, "b.nemo").name == "b.nemo"
    with pytest.raises(ModelLoadFailed, match=r"c\.nemo.*a\.nemo, b\.nemo"):
        checkpoint_in(tmp_path, "c.nemo")


def pipeline(**params: Any) -> dict[str, Any]:
    return {
        "pipeline": {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": params},
        "params": {"clustering": {"threshold": 0.6}},
    }


def model_files(folder: Path, *places: str) -> None:
    for place in places:
        (folder / place).mkdir(parents=True)
        for name in ("pytorch_model.bin", "xvec_transform.npz", "plda.npz"):
            (folder / place / name).touch()


def test_a_recipe_of_one_repository(tmp_path: Path) -> None:
    model_files(tmp_path, "segmentation", "embedding", "plda")
    places = {name: f"$model/{name}" for name in ("segmentation", "embedding", "plda")}
    found = recipe_of(pipeline(clustering="VBxClustering", embedding_exclude_overlap=True, **places), tmp_path)
    assert found.segmentation == tmp_path / "segmentation" / "pytorch_model.bin"
    assert found.embedding == tmp_path / "embedding" / "pytorch_model.bin"
    assert found.plda == tmp_path / "plda"
    assert found.embedding_exclude_overlap and found.parameters == {"clustering": {"threshold": 0.6}}


def test_a_recipe_that_names_repositories(tmp_path: Path) -> None:
    model_files(tmp_path, "pyannote/segmentation-3.0", "pyannote/wespeaker", "autre/voix/petit")
    found = recipe_of(
        pipeline(
            clustering="AgglomerativeClustering",
            segmentation="pyannote/segmentation-3.0@main",
            embedding={"checkpoint": "autre/voix", "subfolder": "petit", "revision": "main"},
        ),
        tmp_path,
    )
    assert found.segmentation == tmp_path / "pyannote" / "segmentation-3.0" / "pytorch_model.bin"
    assert found.embedding == tmp_path / "autre" / "voix" / "petit" / "pytorch_model.bin"
    assert found.plda is None


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (None, "pipeline"),
        ({"pipeline": {"name": "pyannote.audio.pipelines.VoiceActivityDetection", "params": {}}}, "VoiceActivity"),
        (pipeline(segmentation="$model/absent"), "« absent » manque"),
        (pipeline(segmentation="pyannote/segmentation-3.0"), "pyannote/segmentation-3.0"),
        (pipeline(segmentation="../dehors"), "segmentation"),
        (pipeline(segmentation="/etc"), "« etc » manque"),
        (pipeline(), "segmentation"),
    ],
)
def test_a_recipe_that_cannot_be_followed_says_why(tmp_path: Path, config: Any, named: str) -> None:
    with pytest.raises(ModelLoadFailed, match=named):
        recipe_of(config, tmp_path)


def test_batches_follow_the_free_memory() -> None:
    assert batch_sizes(0) == (1, 1)
    assert batch_sizes(4 * GIB) == (32, 8)
    assert batch_sizes(80 * GIB) == (64, 64)
    sizes = [batch_sizes(free * GIB) for free in range(0, 100, 3)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), EngineFailed),
        (RuntimeError("CUDA error: out of memory"), EngineFailed),
        (RuntimeError("cuBLAS: CUBLAS_STATUS_ALLOC_FAILED"), EngineFailed),
        (MemoryError(), EngineFailed),
        (ValueError("forme inattendue"), EngineFailed),
        (RuntimeError("CUDA error: device-side assert triggered"), EngineDead),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), EngineDead),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), EngineDead),
        (UnsupportedOption("refusé"), UnsupportedOption),
        (EngineDead("mort"), EngineDead),
    ],
)
def test_a_failure_says_whether_the_engine_survives(error: Exception, kind: type[Exception]) -> None:
    assert type(fault_of(error)) is kind


async def test_the_owner_thread_maps_failures_and_goes_on() -> None:
    owner = OwnerThread("essai")

    def fail() -> None:
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(EngineFailed, match="mémoire"):
        await owner.call(fail)
    assert await owner.call(lambda: threading.current_thread().name) == "essai_0"
    owner.close()
    owner.close()


async def test_a_call_abandoned_before_its_turn_is_never_made() -> None:
    owner = OwnerThread("essai")
    go, warned = threading.Event(), threading.Event()
    made: list[int] = []
    running = asyncio.create_task(owner.call(go.wait, on_cancel=warned.set))
    waiting = asyncio.create_task(owner.call(made.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    running.cancel()
    await asyncio.sleep(0)
    assert warned.is_set() and not running.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await owner.call(len, made) == 0
    owner.close()


def test_whisper_reads_phrases_without_their_weight() -> None:
    engine = WhisperEngine(EngineSpec("canary", Path("/nulle-part")))
    assert {"prompt", "phrases"} <= engine.features and "phrase_boost" not in engine.features
    engine.check(RecognitionOptions(phrases=("Diane",)))
    with pytest.raises(UnsupportedOption) as refused:
        engine.check(RecognitionOptions(phrases=("Diane",), phrase_boost=1.0))
    assert refused.value.metadata["field"] == "phrase_boost"
