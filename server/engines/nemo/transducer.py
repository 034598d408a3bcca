"""Parakeet et les autres modèles NeMo à transducteur ou CTC : reconnaissance et instants, d'ondes en mémoire.

La langue n'y est pas une consigne : le modèle écrit celle qu'il entend. Une requête qui en nomme une est admise si le
profil dit (`languages`) que le modèle la connaît.
"""

from collections.abc import Sequence
from typing import Any

from server.engines.base_audio import Recognition, RecognitionOptions, RecognizedWord, Wave
from server.engines.common.hints import hints_in
from server.engines.common.sentences import mean, segments_of, timed_words
from server.engines.nemo.model import features_of, prepare
from server.engines.nemo.options import NemoSettings
from server.engines.nemo.phrases import boosted
from server.errors import UnsupportedOption

_CONFIDENCE = {
    "preserve_frame_confidence": True,
    "preserve_token_confidence": True,
    "preserve_word_confidence": True,
    "exclude_blank": True,
    "aggregation": "mean",
    "method_cfg": {"name": "max_prob", "alpha": 1.0},
}
"""La confiance est la probabilité du jeton, comme celle de Canary et de Whisper."""


class TransducerModel:
    """Un modèle à transducteur (RNNT, TDT) ou CTC ouvert."""

    def __init__(self, model: Any, settings: NemoSettings, device: Any, dtype: Any) -> None:
        from omegaconf import open_dict

        self._model = model
        self._settings = settings
        self._device = device
        self._dtype = dtype
        self._is_ctc = not hasattr(model, "joint")
        prepare(model, device, dtype)
        self._boosts = settings.phrase_boosting and not self._is_ctc
        with open_dict(model.cfg.decoding):
            model.cfg.decoding.compute_timestamps = True
            model.cfg.decoding.confidence_cfg = _CONFIDENCE
            if self._boosts:
                model.cfg.decoding.greedy.enable_per_stream_biasing = True
        model.change_decoding_strategy(model.cfg.decoding, verbose=False)

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"word_timestamps", *(("phrases", "phrase_boost") if self._boosts else ())})

    @property
    def languages(self) -> Sequence[str]:
        return ()

    def check(self, options: RecognitionOptions) -> None:
        known = ", ".join(self._settings.languages)
        if options.language and options.language not in self._settings.languages:
            raise UnsupportedOption(
                f"language : le profil ne dit pas que ce modèle connaît « {options.language} » "
                f"(options.languages : {known or 'vide'}).",
                metadata={"field": "language", "value": options.language, "limit": known},
            )
        refused = {
            "target_language": options.target_language,
            "punctuation": "false" if options.punctuation is False else "",
            "temperature": str(options.temperature) if options.temperature > 0 else "",
            **hints_in(options),
        }
        for field, value in refused.items():
            if value and field not in self.features:
                raise UnsupportedOption(
                    f"{field} : ce modèle ne sait pas honorer cette option.", metadata={"field": field, "value": value}
                )

    def recognize(self, waves: Sequence[Wave], options: Sequence[RecognitionOptions]) -> list[Recognition]:
        import torch
        from nemo.collections.asr.parts.utils.timestamp_utils import process_timestamp_outputs

        with torch.inference_mode():
            spectra, sizes = features_of(self._model, waves, self._device, self._dtype)
            output = self._model.forward(processed_signal=spectra, processed_signal_length=sizes)
            if self._is_ctc:
                found = self._model.decoding.ctc_decoder_predictions_tensor(
                    output[0], decoder_lengths=output[1], return_hypotheses=True
                )
            else:
                with boosted(self._model, options) as hints:
                    found = self._model.decoding.rnnt_decoder_predictions_tensor(
                        output[0], output[1], return_hypotheses=True, partial_hypotheses=hints
                    )
            found = [one[0] if isinstance(one, list) else one for one in found]
            stride = float(self._model.cfg.preprocessor.window_stride)
            found = process_timestamp_outputs(found, self._model.encoder.subsampling_factor, stride)
        return [
            self._recognition(one, len(wave) / self._model.cfg.preprocessor.sample_rate, asked)
            for one, wave, asked in zip(found, waves, options, strict=True)
        ]

    def _recognition(self, found: Any, seconds: float, options: RecognitionOptions) -> Recognition:
        words: tuple[RecognizedWord, ...] = ()
        confidences = [float(value) for value in found.word_confidence or ()]
        if options.words:
            items = [(w["word"], float(w["start"]), float(w["end"])) for w in found.timestamp["word"]]
            words = timed_words(items, seconds, confidences)
        only = self._settings.languages[0] if len(self._settings.languages) == 1 else self._settings.default_language
        segments = segments_of(found.text, words, seconds, mean(confidences))
        return Recognition(segments, language=options.language or only)
