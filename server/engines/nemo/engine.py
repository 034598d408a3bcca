"""NeMo sur GPU : la transcription du profil dgx. Canary, et par le seul profil parakeet, canary-flash, canary-qwen.

Le point de contrôle est le `.nemo` du dossier du modèle, ou les poids d'un SALM. Un seul fil possède le modèle ; les
fenêtres de toutes les requêtes y passent en lots, en mémoire, rangées par longueur. La découpe est celle de
`server.speech` : celle de Canary, qui se tait dès qu'un lot a plus d'une onde, ne sert pas. Les options du profil sont
dans `docs/moteurs.md`.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from server.engines.base import EngineSpec, LoadPhase, OnPhase, unheard
from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionOptions, RecognitionWindow, Wave
from server.engines.common.buckets import bucketed, padding
from server.engines.common.cuda import CUDA, require_cuda
from server.engines.common.faults import is_memory_error
from server.engines.common.openmp import calm_openmp
from server.engines.common.options import read_options
from server.engines.common.owner import OwnerThread
from server.engines.nemo.langid import LanguageModel, load_language_model
from server.engines.nemo.model import NemoModel, checkpoint_in, restored
from server.engines.nemo.options import NemoSettings
from server.engines.nemo.salm_folder import SalmRecipe, is_salm, read_salm
from server.errors import EngineFailed, ModelLoadFailed, PasserelleError

_MULTITASK = ("EncDecMultiTaskModel",)
_TRANSDUCER = (
    "EncDecRNNTBPEModel",
    "EncDecRNNTModel",
    "EncDecHybridRNNTCTCBPEModel",
    "EncDecHybridRNNTCTCModel",
    "EncDecCTCModelBPE",
    "EncDecCTCModel",
)


class NemoEngine:
    """Moteur de transcription par NeMo."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._settings = NemoSettings()
        self._model: NemoModel | None = None
        self._hearing: LanguageModel | None = None
        self._owner = OwnerThread("nemo")

    @property
    def features(self) -> frozenset[str]:
        own = self._model.features if self._model is not None else frozenset()
        return own | {"language_detection"} if self._hearing is not None else own

    @property
    def max_running(self) -> int:
        return self._settings.parallel

    @property
    def max_window_seconds(self) -> float:
        return self._settings.max_window_seconds

    @property
    def max_batch(self) -> int:
        return self._settings.max_batch

    @property
    def max_live_batch(self) -> int:
        return max(self._settings.max_batch, self._settings.max_live_batch)

    @property
    def batch_wait(self) -> float:
        return self._settings.batch_wait

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        windows = [*batch, window]
        alike = {one.options.temperature for one in windows}
        lengths = [len(one.samples) for one in windows]
        if len(alike) > 1 or padding(lengths) > self._settings.max_padding:
            return False
        # Au-delà de max_batch, des fenêtres courtes : le lot ne prend pas plus de mémoire que celui des plus longues.
        most = self._settings.max_batch * self._settings.max_window_seconds * SAMPLE_RATE
        return len(lengths) <= self._settings.max_batch or len(lengths) * max(lengths) <= most

    async def open(self, on_phase: OnPhase = unheard) -> None:
        self._settings = read_options(NemoSettings, self._spec.options)
        folder = self._spec.model_dir
        recipe = read_salm(folder) if is_salm(folder) and not self._settings.file else None
        path = recipe.weights if recipe else checkpoint_in(folder, self._settings.file)
        try:
            self._model, self._hearing = await self._owner.load(
                lambda: _load(recipe or path, self._settings, self._spec, on_phase)
            )
        except PasserelleError:
            raise
        except Exception as error:
            short = "la mémoire du GPU ne suffit pas : " if is_memory_error(error) else ""
            raise ModelLoadFailed(f"NeMo n'a pas pu lire {path.name} : {short}{error}") from error

    async def warm_up(self) -> None:
        noise = (np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 0.01).astype(np.float32)
        options = RecognitionOptions(words="word_timestamps" in self.features)
        model = self._model
        if model is not None and model.languages and not self._settings.default_language and self._hearing is None:
            options = replace(options, language=model.languages[0])
        results = await self.transcribe([RecognitionWindow(noise, options)])
        if len(results) != 1:
            raise ModelLoadFailed("L'inférence d'échauffement n'a rien rendu.")

    async def close(self) -> None:
        self._model = self._hearing = None
        self._owner.close()

    def check(self, options: RecognitionOptions) -> None:
        model = self._model
        if model is None:
            return
        if self._hearing is not None and not options.language:
            options = replace(options, language=_heard_among(options, model.languages)[0])
        model.check(options)

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        model = self._model
        if model is None:
            raise EngineFailed("Le moteur est fermé.")
        asked = [window.options for window in windows]
        results: list[Recognition] = [Recognition((), language=options.language) for options in asked]
        # La température vaut pour tout un lot du décodeur ; le reste des réglages est propre à chaque onde.
        for temperature in sorted({options.temperature for options in asked}):
            alike = [
                index
                for index, options in enumerate(asked)
                if options.temperature == temperature and len(windows[index].samples)
            ]
            for bucket in bucketed([len(windows[index].samples) for index in alike], self._settings.max_padding):
                chosen = [alike[rank] for rank in bucket]
                found = await self._owner.call(
                    self._recognize, model, [windows[i].samples for i in chosen], [asked[i] for i in chosen]
                )
                for index, result in zip(chosen, found, strict=True):
                    results[index] = result
        return results

    def _recognize(
        self, model: NemoModel, waves: Sequence[Wave], asked: Sequence[RecognitionOptions]
    ) -> list[Recognition]:
        """Transcrit un lot d'ondes voisines, la langue de chacune étant dite, entendue ou supposée."""
        silent = [index for index, options in enumerate(asked) if not options.language]
        told = list(asked)
        heard: dict[int, float] = {}
        if silent and self._hearing is not None:
            among = [_heard_among(asked[index], model.languages) for index in silent]
            languages = self._hearing.hear([waves[index] for index in silent], among)
            for index, (language, probability) in zip(silent, languages, strict=True):
                told[index] = replace(asked[index], language=language)
                heard[index] = probability
        elif self._settings.default_language:
            told = [replace(one, language=one.language or self._settings.default_language) for one in asked]
        return [
            replace(
                found,
                language_probability=heard.get(index),
                language_assumed=bool(found.language and not asked[index].language and index not in heard),
            )
            for index, found in enumerate(model.recognize(waves, told))
        ]


def _heard_among(options: RecognitionOptions, languages: Sequence[str]) -> Sequence[str]:
    """Langues que peut parler une onde dont rien n'est dit ; une traduction vers une autre que l'anglais en part."""
    target = options.target_language
    return ("en", target) if target not in ("", "en") else languages


def create_engine(spec: EngineSpec) -> NemoEngine:
    """Fabrique du moteur."""
    return NemoEngine(spec)


def _load(
    source: SalmRecipe | Path, settings: NemoSettings, spec: EngineSpec, on_phase: OnPhase
) -> tuple[NemoModel, LanguageModel | None]:
    if spec.device == CUDA:
        require_cuda()
    on_phase(LoadPhase.IMPORTING)
    _quiet_nemo()
    import torch

    device = torch.device(spec.device)
    if spec.device != CUDA:
        torch.set_num_threads(spec.threads)
    wanted = settings.dtype or ("bf16" if spec.device == CUDA else "fp32")
    dtype = torch.bfloat16 if wanted == "bf16" else torch.float32
    model = _load_model(source, settings, device, dtype, on_phase)
    if not settings.language_model:
        return model, None
    return model, load_language_model(spec.model_dir / settings.language_model, model.languages, device)


def _load_model(
    source: SalmRecipe | Path, settings: NemoSettings, device: Any, dtype: Any, on_phase: OnPhase
) -> NemoModel:
    if isinstance(source, SalmRecipe):
        from server.engines.nemo.salm import load_salm

        return load_salm(source, settings, device, dtype, on_phase)
    from server.engines.nemo.multitask import MultitaskModel
    from server.engines.nemo.transducer import TransducerModel

    model = restored(str(source), device, on_phase)
    name = type(model).__name__
    if name in _MULTITASK:
        return MultitaskModel(model, settings, device, dtype)
    if name in _TRANSDUCER:
        return TransducerModel(model, settings, device, dtype)
    raise ModelLoadFailed(
        f"La classe {name} de ce point de contrôle n'est pas servie (classes servies : "
        f"{', '.join((*_MULTITASK, *_TRANSDUCER))}).",
        metadata={"value": name},
    )


def _quiet_nemo() -> None:
    """Règle les bibliothèques avant leur premier import : ni fils qui tournent à vide, ni réseau, ni avertissements."""
    calm_openmp()
    # Rien n'est cherché en ligne : tout est dans le dossier du modèle.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import warnings

    # NeMo avertit de tout ce dont l'entraînement se servirait.
    for module in (r"nemo\..*", r"lightning\..*", r"pydub\..*", r"torch\.jit.*"):
        warnings.filterwarnings("ignore", module=module)
    from nemo.utils import logging as nemo_logging

    nemo_logging.setLevel(nemo_logging.ERROR)
