from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from passerelle.v1 import transcribe_pb2 as _transcribe_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListOpenAiModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RetrieveOpenAiModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class CheckHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TranscribeAudioRequest(_message.Message):
    __slots__ = ("body", "model", "language", "response_format", "diarize", "num_speakers", "min_speakers", "max_speakers", "word_timestamps", "sample_rate_hertz", "encoding", "channel_count", "stream", "task", "prompt", "temperature", "target_language", "punctuation", "channels", "diarization_model", "subtitles", "phrases", "phrase_boost")
    BODY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    WORD_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TARGET_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    DIARIZATION_MODEL_FIELD_NUMBER: _ClassVar[int]
    SUBTITLES_FIELD_NUMBER: _ClassVar[int]
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    PHRASE_BOOST_FIELD_NUMBER: _ClassVar[int]
    body: _httpbody_pb2.HttpBody
    model: str
    language: str
    response_format: str
    diarize: bool
    num_speakers: int
    min_speakers: int
    max_speakers: int
    word_timestamps: bool
    sample_rate_hertz: int
    encoding: str
    channel_count: int
    stream: bool
    task: str
    prompt: str
    temperature: float
    target_language: str
    punctuation: bool
    channels: str
    diarization_model: str
    subtitles: _transcribe_pb2.SubtitleStyle
    phrases: _containers.RepeatedScalarFieldContainer[str]
    phrase_boost: float
    def __init__(self, body: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping]] = ..., model: _Optional[str] = ..., language: _Optional[str] = ..., response_format: _Optional[str] = ..., diarize: bool = ..., num_speakers: _Optional[int] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., word_timestamps: bool = ..., sample_rate_hertz: _Optional[int] = ..., encoding: _Optional[str] = ..., channel_count: _Optional[int] = ..., stream: bool = ..., task: _Optional[str] = ..., prompt: _Optional[str] = ..., temperature: _Optional[float] = ..., target_language: _Optional[str] = ..., punctuation: bool = ..., channels: _Optional[str] = ..., diarization_model: _Optional[str] = ..., subtitles: _Optional[_Union[_transcribe_pb2.SubtitleStyle, _Mapping]] = ..., phrases: _Optional[_Iterable[str]] = ..., phrase_boost: _Optional[float] = ...) -> None: ...

class ProcessDiarizationRequest(_message.Message):
    __slots__ = ("body", "model", "response_format", "num_speakers", "min_speakers", "max_speakers", "embeddings", "sample_rate_hertz", "encoding", "channel_count", "stream")
    BODY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    NUM_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    body: _httpbody_pb2.HttpBody
    model: str
    response_format: str
    num_speakers: int
    min_speakers: int
    max_speakers: int
    embeddings: bool
    sample_rate_hertz: int
    encoding: str
    channel_count: int
    stream: bool
    def __init__(self, body: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping]] = ..., model: _Optional[str] = ..., response_format: _Optional[str] = ..., num_speakers: _Optional[int] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., embeddings: bool = ..., sample_rate_hertz: _Optional[int] = ..., encoding: _Optional[str] = ..., channel_count: _Optional[int] = ..., stream: bool = ...) -> None: ...
