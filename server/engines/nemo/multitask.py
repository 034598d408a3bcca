"""Canary (`EncDecMultiTaskModel`) : reconnaissance, traduction, ponctuation, instants, en un lot d'ondes en mémoire.

Le lot va du spectrogramme au décodeur sans DataLoader ni fichier ; chaque onde y a sa propre amorce (langues,
ponctuation, instants). Les instants viennent du modèle CTC que porte canary-1b-v2, par alignement forcé, ou des jetons
`<|t|>` des canary-flash ; un modèle sans l'un ni l'autre n'en annonce pas.
"""

import re
from collections.abc import Sequence
from typing import Any

from server.engines.base_audio import Recognition, RecognitionOptions, RecognizedWord, Wave
from server.engines.common.hints import hints_in
from server.engines.common.loops import kept
from server.engines.common.options import refusal
from server.engines.common.sentences import mean, segments_of, timed_words, word_confidences
from server.engines.nemo.alignment import Times, align
from server.engines.nemo.guard import RowGuard
from server.engines.nemo.model import check_languages, features_of, lead, prepare
from server.engines.nemo.options import NemoSettings
from server.errors import UnsupportedOption

_SPECIAL = re.compile(r"<\|[^|]*\|>")
_PROMPT_TOKENIZER = "spl_tokens"
_TIMES = 900
"""Jetons d'instants qu'un vocabulaire peut avoir."""
_NEUTRAL = {"decodercontext": "", "emotion": "<|emo:undefined|>", "itn": "no", "diarize": "no"}
"""Cases de l'amorce dont le point de contrôle ne dit rien."""
# Le vocabulaire unifié de canary-1b-v2 porte des jetons de bien d'autres langues, qu'il n'a pas apprises.
_CANARY_V2 = (
    "bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it", "lv", "lt", "mt", "pl", "pt", "ro",
    "sk", "sl", "es", "sv", "ru", "uk",
)  # fmt: skip


class MultitaskModel:
    """Un Canary ouvert."""

    def __init__(self, model: Any, settings: NemoSettings, device: Any, dtype: Any) -> None:
        self._model = model
        self._settings = settings
        self._device = device
        self._dtype = dtype
        prepare(model, device, dtype)
        self._aligner = model.timestamps_asr_model
        if self._aligner is not None:
            prepare(self._aligner, device, dtype)
        self._slots = set(model.prompt.get_slots("user"))
        self._languages = _languages(model, settings)
        self._special_times = self._aligner is None and "timestamp" in self._slots and _knows(model, "<|0|>")
        self._set_decoding()

    @property
    def features(self) -> frozenset[str]:
        found = {"translate"} if len(self._languages) > 1 else set()
        if "pnc" in self._slots:
            found.add("punctuation")
        if self._aligner is not None or self._special_times:
            found.add("word_timestamps")
        if self._settings.strategy == "greedy":
            found.add("temperature")
        return frozenset(found)

    @property
    def languages(self) -> Sequence[str]:
        return self._languages

    def check(self, options: RecognitionOptions) -> None:
        check_languages(options, self._languages, self._settings.default_language)
        refused = {
            "word_timestamps": options.words,
            "punctuation": options.punctuation is False,
            "temperature": options.temperature > 0,
            **{field: bool(value) for field, value in hints_in(options).items()},
        }
        for feature, asked in refused.items():
            if asked and feature not in self.features:
                raise UnsupportedOption(
                    f"{feature} : ce modèle ne sait pas honorer cette option.", metadata={"field": feature}
                )

    def recognize(self, waves: Sequence[Wave], options: Sequence[RecognitionOptions]) -> list[Recognition]:
        import torch

        with torch.inference_mode():
            spectra, sizes = features_of(self._model, waves, self._device, self._dtype, centered=True)
            _, sizes, states, mask = self._model.forward(processed_signal=spectra, processed_signal_length=sizes)
            prompts = torch.stack([self._prompt(item) for item in options]).to(self._device)
            found = self._decode(states, sizes, mask, prompts, options[0].temperature)
            confidences = [self._confidences(one) for one in found]
            words = self._words(found, waves, options, confidences)
        return [
            Recognition(
                segments_of(
                    _text(one.text), words[index], len(waves[index]) / self._model.sample_rate, mean(confidences[index])
                ),
                language=options[index].language,
            )
            for index, one in enumerate(found)
        ]

    def _decode(self, states: Any, sizes: Any, mask: Any, prompts: Any, temperature: float) -> list[Any]:
        spans = [(slice(0, len(prompts)), states.shape[1])]
        if self._guard is not None:
            self._model.decoding.decoding.greedy_search.temperature = temperature or None
            self._guard.begin((sizes + self._delta - prompts.shape[1]).clamp(min=1))
        else:
            # La recherche en faisceau de NeMo 3.0.0 ne rend pas le même texte selon les voisins de lot.
            spans = [(slice(index, index + 1), size) for index, size in enumerate(sizes.tolist())]
        found = [
            one
            for span, length in spans
            for one in self._model.decoding.decode_predictions_tensor(
                encoder_hidden_states=states[span, :length],
                encoder_input_mask=mask[span, :length],
                decoder_input_ids=prompts[span],
                return_hypotheses=True,
            )
        ]
        for one in found:
            self._break_loop(one)
        return found

    def _break_loop(self, found: Any) -> None:
        """Ne garde que le premier tour d'une boucle où finit un texte."""
        count = kept(self._alike[found.y_sequence].tolist())
        if count < len(found.y_sequence):
            found.y_sequence = found.y_sequence[:count]
            if found.token_confidence is not None:
                found.token_confidence = found.token_confidence[:count]
            self._model.decoding.decode_hypothesis([found])

    def _prompt(self, options: RecognitionOptions) -> Any:
        """Jetons d'amorce ; de même longueur pour toutes les requêtes, puisque le contexte est toujours vide."""
        told = self._model.prompt.get_default_dialog_slots()[0]["slots"]
        slots = {name: value for name, value in _NEUTRAL.items() if name in self._slots}
        slots |= {name: value for name, value in told.items() if value is not None}
        slots |= prompt_slots(options, self._slots, special_times=self._special_times)
        slots["prompt_language"] = _PROMPT_TOKENIZER
        return self._model.prompt.encode_dialog(turns=[{"role": "user", "slots": slots}])["context_ids"]

    def _confidences(self, found: Any) -> list[float]:
        if found.token_confidence is None:
            return []
        pieces = self._model.tokenizer.ids_to_tokens(found.y_sequence.tolist())
        return word_confidences(pieces, found.token_confidence.tolist())

    def _words(
        self,
        found: list[Any],
        waves: Sequence[Wave],
        options: Sequence[RecognitionOptions],
        confidences: list[list[float]],
    ) -> list[tuple[RecognizedWord, ...]]:
        """Mots datés des ondes qui en demandent."""
        words: list[tuple[RecognizedWord, ...]] = [()] * len(found)
        asked = [index for index, one in enumerate(options) if one.words]
        if not asked:
            return words
        chosen = [found[index] for index in asked]
        times: list[Times]
        if self._aligner is not None:
            times = self._align([_text(one.text) for one in chosen], [waves[index] for index in asked])
        else:
            from nemo.collections.asr.parts.utils.timestamp_utils import process_aed_timestamp_outputs

            stride = float(self._model.cfg.preprocessor.window_stride)
            process_aed_timestamp_outputs(chosen, self._model.encoder.subsampling_factor, stride)
            times = [
                [(_text(w["word"]), float(w["start"]), float(w["end"])) for w in one.timestamp["word"]]
                for one in chosen
            ]
        for index, placed in zip(asked, times, strict=True):
            before = lead(waves[index]) / self._model.sample_rate
            # Un mot que l'alignement n'a pas placé reste à -1.
            items = [(w, start - before, end - before) if start >= 0 else (w, start, end) for w, start, end in placed]
            seconds = len(waves[index]) / self._model.sample_rate
            words[index] = timed_words(items, seconds, confidences[index])
        return words

    def _align(self, texts: Sequence[str], waves: Sequence[Wave]) -> list[Times]:
        """Aligne les textes sur les ondes par le modèle CTC, dont les probabilités sont calculées en mémoire."""
        spectra, sizes = features_of(self._aligner, waves, self._device, self._dtype, centered=True)
        output = self._aligner.forward(processed_signal=spectra, processed_signal_length=sizes)
        return align(self._aligner, output[0], output[1].tolist(), texts, self._device)

    def _set_decoding(self) -> None:
        from omegaconf import OmegaConf

        settings = self._settings
        delta = settings.generation_delta(OmegaConf.select(self._model.cfg, "decoding.beam.max_generation_delta"))
        confidence = {"preserve_token_confidence": True, "method_cfg": {"name": "max_prob", "alpha": 1.0}}
        config: dict[str, Any] = {"strategy": settings.strategy}
        if settings.strategy == "greedy":
            config |= {"greedy": {"max_generation_delta": delta, "temperature": None}, "confidence_cfg": confidence}
        else:
            config["beam"] = {
                "beam_size": settings.beam_size,
                "max_generation_delta": delta,
                "return_best_hypothesis": True,
            }
        self._model.change_decoding_strategy(OmegaConf.create(config))
        self._delta = delta
        self._alike = self._alike_tokens()
        self._guard = None
        if settings.strategy == "greedy":
            self._guard = RowGuard(self._model.decoding.decoding.greedy_search, self._alike)

    def _alike_tokens(self) -> Any:
        """Pour chaque jeton, celui qui le vaut dans une boucle : tous les instants se valent, qui y avancent."""
        import torch

        tokenizer = self._model.tokenizer
        found = torch.arange(tokenizer.vocab_size)
        if self._special_times:
            special = getattr(tokenizer, "special_tokens", None)
            names = [f"<|{i}|>" for i in range(_TIMES) if _knows(self._model, f"<|{i}|>")]
            times = [special[name] if special is not None else tokenizer.token_to_id(name) for name in names]
            found[times] = times[0]
        return found


def prompt_slots(options: RecognitionOptions, slots: set[str], *, special_times: bool) -> dict[str, str]:
    """Cases de l'amorce que ces réglages remplissent, parmi celles de ce format (`canary` ou `canary2`)."""
    target = options.target_language or options.language
    found = {
        "source_lang": options.language,
        "target_lang": target,
        "pnc": "no" if options.punctuation is False else "yes",
        "timestamp": "yes" if special_times and options.words else "no",
        "task": "asr" if target == options.language else "ast",
    }
    return {name: value for name, value in found.items() if name in slots}


def _text(text: str) -> str:
    """Texte sans les jetons réservés, aux espaces simples."""
    return " ".join(_SPECIAL.sub(" ", text).split())


def _languages(model: Any, settings: NemoSettings) -> tuple[str, ...]:
    own = getattr(model.tokenizer, "langs", None)
    announced = tuple(x for x in own if x != _PROMPT_TOKENIZER) if own else _CANARY_V2
    for language in (*settings.languages, settings.default_language):
        if language and not _knows(model, f"<|{language}|>"):
            raise refusal("languages", "langue inconnue de ce point de contrôle", language, limit=", ".join(announced))
    return settings.languages or tuple(x for x in announced if _knows(model, f"<|{x}|>"))


def _knows(model: Any, token: str) -> bool:
    tokenizer = model.tokenizer
    special = getattr(tokenizer, "special_tokens", None)
    if special is not None:
        return token in special
    return bool(tokenizer.ids_to_tokens([tokenizer.token_to_id(token)])[0] == token)
