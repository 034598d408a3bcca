"""SALM (canary-qwen) : un encodeur de parole, dont un modèle de langue écrit ce qu'il entend.

NeMo joint les deux et mène la génération (`SALM.generate`) ; les ondes lui sont données en mémoire, par lots. Le texte
est ponctué, en anglais ; il n'a ni mots datés, ni confiance, et rien ne s'y traduit.
"""

from collections.abc import Sequence
from typing import Any

from server.engines.base import LoadPhase, OnPhase
from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionOptions, Wave
from server.engines.common.cuda import CUDA
from server.engines.common.hints import hints_in
from server.engines.common.loops import kept
from server.engines.common.options import refusal
from server.engines.common.sentences import segments_of
from server.engines.nemo.model import check_languages, padded
from server.engines.nemo.options import NemoSettings
from server.engines.nemo.salm_folder import SalmRecipe
from server.errors import ModelLoadFailed, UnsupportedOption

_INSTRUCTION = "Transcribe the following: "
"""La consigne apprise ; une autre rendrait autre chose qu'une transcription."""
_LANGUAGES = ("en",)
_COMPUTED = "perception.preprocessor."
"""Ce que NeMo recalcule de la configuration : la fenêtre et les filtres du spectrogramme."""


class SalmModel:
    """Un SALM ouvert."""

    def __init__(self, model: Any, settings: NemoSettings, device: Any) -> None:
        self._model = model
        self._device = device
        self._languages = settings.languages or _LANGUAGES
        self._default_language = settings.default_language
        self._delta = settings.generation_delta()
        self._prompt = _prompt(model).to(device)

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"temperature"})

    @property
    def languages(self) -> Sequence[str]:
        return self._languages

    def check(self, options: RecognitionOptions) -> None:
        refused = {
            "target_language": options.target_language,
            "word_timestamps": "true" if options.words else "",
            "punctuation": "false" if options.punctuation is False else "",
            **hints_in(options),
        }
        for field, value in refused.items():
            if value:
                raise UnsupportedOption(
                    f"{field} : ce modèle ne sait pas honorer cette option.", metadata={"field": field, "value": value}
                )
        check_languages(options, self._languages, self._default_language)

    def recognize(self, waves: Sequence[Wave], options: Sequence[RecognitionOptions]) -> list[Recognition]:
        import torch

        signal, lengths = padded(waves, self._device)
        bounds = [self._most_tokens(len(wave)) for wave in waves]
        with torch.inference_mode():
            found = self._model.generate(
                prompts=self._prompt.expand(len(waves), -1),
                audios=signal,
                audio_lens=lengths,
                generation_config=self._generation(max(bounds), options[0].temperature),
            ).tolist()
        return [
            Recognition(segments_of(self._text(tokens[:bound]), (), len(wave) / SAMPLE_RATE), language=asked.language)
            for tokens, bound, wave, asked in zip(found, bounds, waves, options, strict=True)
        ]

    def _most_tokens(self, samples: int) -> int:
        """Jetons permis à une fenêtre, quels que soient ses voisins de lot : le texte n'en dépend pas."""
        return int(samples / SAMPLE_RATE / self._model.token_equivalent_duration) + self._delta

    def _generation(self, most: int, temperature: float) -> Any:
        from transformers import GenerationConfig

        sampled = (
            {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature > 0 else {"do_sample": False}
        )
        return GenerationConfig(
            max_new_tokens=most,
            bos_token_id=self._model.text_bos_id,
            eos_token_id=self._model.text_eos_id,
            pad_token_id=self._model.text_pad_id,
            **sampled,
        )

    def _text(self, tokens: list[int]) -> str:
        end = self._model.text_eos_id
        said = tokens[: tokens.index(end)] if end in tokens else tokens
        return " ".join(str(self._model.tokenizer.ids_to_text(said[: kept(said)])).split())


def _prompt(model: Any) -> Any:
    """Jetons de la consigne, au format de conversation du point de contrôle ; le repère y tient la place de l'onde."""
    from nemo.collections.common.prompts import PromptFormatter

    name = model.cfg.prompt_format
    try:
        formatter = PromptFormatter.resolve(name)
    except RuntimeError as error:
        raise ModelLoadFailed(
            f"prompt_format : NeMo ne connaît pas ce format de conversation (reçu : {name}).",
            metadata={"field": "prompt_format", "value": name},
        ) from error
    message = _INSTRUCTION + model.audio_locator_tag
    return formatter(model.tokenizer).encode_dialog([{"role": "user", "content": message}])["input_ids"]


def load_salm(recipe: SalmRecipe, settings: NemoSettings, device: Any, dtype: Any, on_phase: OnPhase) -> SalmModel:
    """Bâtit un SALM et lit ses poids, sans réseau.

    Raises:
        ModelLoadFailed: poids qui manquent au fichier, option refusée.
    """
    _check_settings(settings)
    # L'import tire tout NeMo, synthèse comprise : une dizaine de secondes.
    from nemo.collections.speechlm2.models.salm import SALM
    from safetensors.torch import load_model

    on_phase(LoadPhase.BUILDING)
    model = SALM(recipe.config)
    _set_type(model, dtype)
    on_phase(LoadPhase.LOADING_WEIGHTS)
    # Les plongements servent aussi de sortie à Qwen3 : le fichier ne les porte qu'une fois, ce que `load_model` sait.
    missing, _ = load_model(model, recipe.weights, strict=False)
    lost = sorted(name for name in missing if not name.startswith(_COMPUTED))
    if lost:
        raise ModelLoadFailed(
            f"{recipe.weights.name} : il y manque {len(lost)} poids ({', '.join(lost[:3])}…).",
            metadata={"field": recipe.weights.name, "value": lost[0]},
        )
    if device.type == CUDA:
        on_phase(LoadPhase.MOVING_TO_GPU)
    model.to(device)
    model.freeze()
    return SalmModel(model, settings, device)


def _check_settings(settings: NemoSettings) -> None:
    """Refuse les options qu'un SALM n'a pas, avant de lire quoi que ce soit."""
    if settings.strategy != "greedy":
        raise refusal("strategy", "un SALM n'a que la recherche gloutonne", settings.strategy, limit="greedy")
    languages = settings.languages or _LANGUAGES
    if settings.default_language and settings.default_language not in languages:
        known = ", ".join(languages)
        raise refusal("default_language", "langue inconnue de ce modèle", settings.default_language, limit=known)


def _set_type(model: Any, dtype: Any) -> None:
    """Donne leur type aux poids ; le spectrogramme se calcule en flottants de 32 bits, et se rend à ce type."""
    perception = model.perception
    for name, part in (*model.named_children(), *perception.named_children()):
        if name not in ("perception", "preprocessor"):
            part.to(dtype=dtype)
    perception.preprocessor.dtype_sentinel_tensor = perception.preprocessor.dtype_sentinel_tensor.to(dtype)
