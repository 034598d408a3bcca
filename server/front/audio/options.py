"""Les réglages d'une requête d'audio : vérifiés une fois, qu'ils viennent d'un formulaire, d'une adresse ou de gRPC."""

from dataclasses import dataclass

import orjson
from passerelle.v1 import audio_pb2, diarize_pb2, rest_pb2, transcribe_pb2

from server.domain import Limits
from server.errors import AudioLimitExceeded, InvalidRequest, UnsupportedOption
from server.formats.api import ENCODINGS
from server.formats.form import SPOKEN, STREAMED, SUBTITLES, ResponseFormat, TranscriptForm
from server.front.audio.form_fields import FormFields
from server.front.audio.hints import check_hints, read_hints
from server.front.audio.known_speakers import check_known, read_known
from server.front.audio.multipart import Fields
from server.front.audio.subtitle_style import style_in
from server.front.checks import check_range, refusal
from server.languages import language_code

_TASKS = {
    "transcribe": transcribe_pb2.TRANSCRIBE_TASK_TRANSCRIBE,
    "translate": transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE,
}


_CHANNELS = {"mixed": audio_pb2.AUDIO_CHANNELS_MIXED, "separate": audio_pb2.AUDIO_CHANNELS_SEPARATE}
FIXED_RATES = {audio_pb2.AUDIO_ENCODING_G722: 16000, audio_pb2.AUDIO_ENCODING_GSM: 8000}
"""Codages d'un seul canal et d'une seule fréquence, et celle-ci ; ils ont un état, et ne se lisent que d'un fichier."""


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """Transcription demandée, et la forme de sa réponse."""

    config: transcribe_pb2.TranscribeConfig
    form: TranscriptForm
    stream: bool = False
    refine: bool = False
    """Prend les mots si le modèle les date : les segments en sont plus fins, mais personne ne les a demandés."""


@dataclass(frozen=True, slots=True)
class DiarizeOptions:
    """Diarisation demandée, et la forme de sa réponse."""

    config: diarize_pb2.DiarizeConfig
    rttm: bool = False
    stream: bool = False


def openai_transcription(fields: Fields, limits: Limits) -> TranscribeOptions:
    """Champs de `POST /v1/audio/transcriptions`.

    Raises:
        InvalidRequest: champ absent, de mauvaise forme ou hors limites.
        UnsupportedOption: champ inconnu, ou que ce serveur ne sait pas honorer.
    """
    form = FormFields(fields)
    config = transcribe_pb2.TranscribeConfig(model=form.required("model"), language=form.text("language"))
    _common(form, config)
    shape = ResponseFormat(form.choice("response_format", tuple(ResponseFormat)) or "json")
    sent = form.many("timestamp_granularities")
    for name, value in sent:
        if value not in ("word", "segment"):
            raise refusal(name, "word ou segment est attendu", value, limit="word, segment")
        if shape is not ResponseFormat.VERBOSE_JSON:
            raise refusal(name, "ce champ suppose response_format=verbose_json", value)
    granularities = {value for _, value in sent}
    _check_chunking(form)
    stream = form.boolean("stream")
    if stream and shape not in STREAMED:
        raise UnsupportedOption(
            f"stream : la forme « {shape.value} » ne se rend pas au fil de l'eau.",
            metadata={"field": "stream", "value": "true"},
        )
    diarize = _diarized(form, shape, config)
    style = style_in(form, used=shape in SUBTITLES)
    form.refuse_others("/v1/audio/transcriptions")
    words = "word" in granularities
    config.word_timestamps = words or diarize or shape in SUBTITLES
    check_transcribe(config, limits)
    shown = TranscriptForm(
        shape,
        words=words,
        segments=not granularities or "segment" in granularities,
        names=frozenset(config.diarization.known_speaker_names),
        style=style,
    )
    return TranscribeOptions(config, shown, stream=stream, refine=shape is ResponseFormat.VERBOSE_JSON)


def openai_translation(fields: Fields, limits: Limits) -> TranscribeOptions:
    """Champs de `POST /v1/audio/translations` ; mêmes erreurs."""
    form = FormFields(fields)
    config = transcribe_pb2.TranscribeConfig(
        model=form.required("model"),
        language=form.text("language"),
        task=transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE,
        target_language="en",
    )
    _common(form, config)
    allowed = tuple(f for f in ResponseFormat if f not in SPOKEN)
    shape = ResponseFormat(form.choice("response_format", allowed) or "json")
    style = style_in(form, used=shape in SUBTITLES)
    form.refuse_others("/v1/audio/translations")
    config.word_timestamps = shape in SUBTITLES
    check_transcribe(config, limits)
    return TranscribeOptions(config, TranscriptForm(shape, style=style), refine=shape is ResponseFormat.VERBOSE_JSON)


def api_transcription(query: rest_pb2.TranscribeAudioRequest, fields: Fields, limits: Limits) -> TranscribeOptions:
    """Réglages de `POST /api/audio/transcribe`, de l'adresse puis du formulaire ; mêmes erreurs."""
    form = FormFields(fields, query)
    task = form.choice("task", tuple(_TASKS)) or "transcribe"
    config = transcribe_pb2.TranscribeConfig(
        model=form.text("model"),
        language=form.text("language"),
        task=_TASKS[task],
        target_language=form.text("target_language"),
    )
    punctuation = form.optional_boolean("punctuation")
    if punctuation is not None:
        config.punctuation = punctuation
    if config.target_language and task != "translate":
        raise refusal("target_language", "ce champ suppose task=translate", config.target_language)
    _common(form, config)
    _audio_format(form, config.audio_format)
    shape = ResponseFormat(form.choice("response_format", tuple(ResponseFormat)) or "json")
    stream = form.boolean("stream")
    diarize = _diarized(form, shape, config)
    words = form.boolean("word_timestamps")
    style = style_in(form, used=shape in SUBTITLES)
    form.refuse_others("/api/audio/transcribe")
    config.word_timestamps = words or diarize or shape in SUBTITLES
    check_transcribe(config, limits)
    refine = stream or shape is ResponseFormat.VERBOSE_JSON
    names = frozenset(config.diarization.known_speaker_names)
    shown = TranscriptForm(shape, words=words or diarize, api=True, names=names, style=style)
    return TranscribeOptions(config, shown, stream=stream, refine=refine)


def api_diarization(query: rest_pb2.ProcessDiarizationRequest, fields: Fields, limits: Limits) -> DiarizeOptions:
    """Réglages de `POST /api/diarization/process` ; mêmes erreurs."""
    form = FormFields(fields, query)
    config = _speakers(form)
    config.model = form.text("model")
    config.embeddings = form.boolean("embeddings")
    _audio_format(form, config.audio_format)
    shape = form.choice("response_format", ("json", "rttm")) or "json"
    stream = form.boolean("stream")
    form.refuse_others("/api/diarization/process")
    check_diarize(config, limits)
    return DiarizeOptions(config, rttm=shape == "rttm", stream=stream)


def check_transcribe(config: transcribe_pb2.TranscribeConfig, limits: Limits) -> None:
    """Vérifie une configuration, d'où qu'elle vienne ; ses langues y deviennent des codes, et la fréquence
    d'un codage qui n'en a qu'une y est mise.

    Raises:
        InvalidRequest: valeur hors limites, nommée.
        AudioLimitExceeded: fréquence ou canaux hors limites.
    """
    for field in ("language", "target_language"):
        value = getattr(config, field)
        if value:
            code = language_code(value)
            if code is None:
                raise refusal(field, "une langue est attendue : code ISO 639-1, étiquette BCP 47 ou nom", value)
            setattr(config, field, code)
    if config.HasField("temperature"):
        check_range("temperature", config.temperature, 0.0, 1.0)
    check_hints(config, limits)
    _check_format(config.audio_format, limits)
    if config.channels not in (audio_pb2.AUDIO_CHANNELS_UNSPECIFIED, *_CHANNELS.values()):
        raise refusal("channels", "mixed ou separate est attendu", int(config.channels), limit="mixed, separate")
    if config.HasField("diarization"):
        if config.channels == audio_pb2.AUDIO_CHANNELS_SEPARATE:
            raise UnsupportedOption(
                "channels : avec separate, chaque canal tient lieu de locuteur ; diarize ne s'y ajoute pas.",
                metadata={"field": "channels", "value": "separate"},
            )
        check_diarize(config.diarization, limits)


def check_diarize(config: diarize_pb2.DiarizeConfig, limits: Limits) -> None:
    """Vérifie une configuration ; mêmes erreurs que `check_transcribe`."""
    for field in ("num_speakers", "min_speakers", "max_speakers"):
        if config.HasField(field):
            check_range(field, getattr(config, field), 1, limits.max_speakers)
    if config.HasField("num_speakers"):
        for field in ("min_speakers", "max_speakers"):
            if config.HasField(field):
                raise refusal(field, "num_speakers exclut min_speakers et max_speakers", getattr(config, field))
    both = config.HasField("min_speakers") and config.HasField("max_speakers")
    if both and config.min_speakers > config.max_speakers:
        raise refusal(
            "min_speakers", "la valeur doit être au plus max_speakers", config.min_speakers, limit=config.max_speakers
        )
    check_known(config, limits)
    _check_format(config.audio_format, limits)


def _check_format(audio: audio_pb2.AudioFormat, limits: Limits) -> None:
    rate, channels = audio.sample_rate_hertz, audio.channel_count
    if audio.assumed_encoding not in (audio_pb2.AUDIO_ENCODING_UNSPECIFIED, *ENCODINGS.values()):
        listed = ", ".join(ENCODINGS)
        raise refusal("assumed_encoding", f"une de ces valeurs est attendue : {listed}", int(audio.assumed_encoding))
    if audio.encoding == audio_pb2.AUDIO_ENCODING_UNSPECIFIED:
        if rate or channels:
            field = "sample_rate_hertz" if rate else "channel_count"
            raise refusal(field, "ce champ suppose encoding : l'en-tête d'un fichier fait foi", rate or channels)
        return
    if audio.encoding not in ENCODINGS.values():
        raise refusal("encoding", f"une de ces valeurs est attendue : {', '.join(ENCODINGS)}", int(audio.encoding))
    if (fixed := FIXED_RATES.get(audio.encoding)) is not None:
        if rate not in (0, fixed):
            raise refusal("sample_rate_hertz", f"ce codage n'a que {fixed} Hz", rate, limit=fixed)
        if channels > 1:
            raise refusal("channel_count", "ce codage n'a qu'un canal", channels, limit=1)
        audio.sample_rate_hertz = fixed
        return
    if not rate:
        raise InvalidRequest(
            "sample_rate_hertz : obligatoire pour des échantillons bruts.", metadata={"field": "sample_rate_hertz"}
        )
    low, high = limits.min_sample_rate_hertz, limits.max_sample_rate_hertz
    if not low <= rate <= high:
        limit = low if rate < low else high
        raise AudioLimitExceeded(
            f"sample_rate_hertz : {rate} Hz, hors des limites ({low} à {high} Hz).",
            metadata={"field": "sample_rate_hertz", "limit": str(limit), "value": str(rate)},
        )
    if channels > limits.max_channels:
        raise AudioLimitExceeded(
            f"channel_count : {channels} canaux, plus que la limite de {limits.max_channels}.",
            metadata={"field": "channel_count", "limit": str(limits.max_channels), "value": str(channels)},
        )


def _common(form: FormFields, config: transcribe_pb2.TranscribeConfig) -> None:
    read_hints(form, config)
    temperature = form.number("temperature")
    if temperature is not None:
        config.temperature = temperature
    if channels := form.choice("channels", tuple(_CHANNELS)):
        config.channels = _CHANNELS[channels]


def _audio_format(form: FormFields, audio: audio_pb2.AudioFormat) -> None:
    encoding = form.choice("encoding", tuple(ENCODINGS))
    if encoding:
        audio.encoding = ENCODINGS[encoding]
    audio.sample_rate_hertz = form.integer("sample_rate_hertz") or 0
    audio.channel_count = form.integer("channel_count") or 0


def _diarized(form: FormFields, shape: ResponseFormat, config: transcribe_pb2.TranscribeConfig) -> bool:
    """Vrai si les locuteurs sont à reconnaître, ce qui est noté ; des canaux à part en tiennent lieu."""
    separate = config.channels == audio_pb2.AUDIO_CHANNELS_SEPARATE
    diarize = form.boolean("diarize") or (shape in SPOKEN and not separate)
    speakers = _speakers(form)
    speakers.model = form.text("diarization_model")
    if diarize:
        config.diarization.CopyFrom(speakers)
    elif speakers.ByteSize():
        raise refusal("diarize", "un nombre de locuteurs, leurs noms ou leur modèle suppose diarize=true", "false")
    return diarize


def _speakers(form: FormFields) -> diarize_pb2.DiarizeConfig:
    config = diarize_pb2.DiarizeConfig(
        num_speakers=form.integer("num_speakers"),
        min_speakers=form.integer("min_speakers"),
        max_speakers=form.integer("max_speakers"),
    )
    read_known(form, config)
    return config


def _check_chunking(form: FormFields) -> None:
    """Le découpage est toujours celui du serveur : `auto`, ou `server_vad` sans réglage, d'un bloc ou aplati."""
    asked: object = form.table("chunking_strategy")
    value = form.text("chunking_strategy")
    if not asked:
        if value in ("", "auto"):
            return
        try:
            asked = orjson.loads(value)
        except orjson.JSONDecodeError:
            asked = None
    if not isinstance(asked, dict) or asked.get("type") != "server_vad":
        raise refusal("chunking_strategy", '« auto » ou {"type": "server_vad"} est attendu', value or asked)
    for name in asked:
        if name != "type":
            raise UnsupportedOption(
                f"chunking_strategy.{name} : ce réglage n'est pas disponible.",
                metadata={"field": f"chunking_strategy.{name}"},
            )
