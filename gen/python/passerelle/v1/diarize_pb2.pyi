import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from passerelle.v1 import audio_pb2 as _audio_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DiarizeConfig(_message.Message):
    __slots__ = ("model", "audio_format", "num_speakers", "min_speakers", "max_speakers", "embeddings", "known_speaker_names", "known_speaker_references")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    NUM_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_SPEAKER_NAMES_FIELD_NUMBER: _ClassVar[int]
    KNOWN_SPEAKER_REFERENCES_FIELD_NUMBER: _ClassVar[int]
    model: str
    audio_format: _audio_pb2.AudioFormat
    num_speakers: int
    min_speakers: int
    max_speakers: int
    embeddings: bool
    known_speaker_names: _containers.RepeatedScalarFieldContainer[str]
    known_speaker_references: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, model: _Optional[str] = ..., audio_format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., num_speakers: _Optional[int] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., embeddings: bool = ..., known_speaker_names: _Optional[_Iterable[str]] = ..., known_speaker_references: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DiarizeRequest(_message.Message):
    __slots__ = ("config", "audio")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    config: DiarizeConfig
    audio: bytes
    def __init__(self, config: _Optional[_Union[DiarizeConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class SpeakerTurn(_message.Message):
    __slots__ = ("speaker_label", "start_offset", "end_offset")
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    speaker_label: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    def __init__(self, speaker_label: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SpeakerSummary(_message.Message):
    __slots__ = ("speaker_label", "speech_duration", "turn_count", "embedding", "unknown")
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    SPEECH_DURATION_FIELD_NUMBER: _ClassVar[int]
    TURN_COUNT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    speaker_label: str
    speech_duration: _duration_pb2.Duration
    turn_count: int
    embedding: _containers.RepeatedScalarFieldContainer[float]
    unknown: bool
    def __init__(self, speaker_label: _Optional[str] = ..., speech_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., turn_count: _Optional[int] = ..., embedding: _Optional[_Iterable[float]] = ..., unknown: bool = ...) -> None: ...

class DiarizeResponse(_message.Message):
    __slots__ = ("id", "model", "turns", "exclusive_turns", "speakers", "duration", "coverage", "source", "warnings")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_TURNS_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    turns: _containers.RepeatedCompositeFieldContainer[SpeakerTurn]
    exclusive_turns: _containers.RepeatedCompositeFieldContainer[SpeakerTurn]
    speakers: _containers.RepeatedCompositeFieldContainer[SpeakerSummary]
    duration: _duration_pb2.Duration
    coverage: _audio_pb2.AudioCoverage
    source: _audio_pb2.AudioSource
    warnings: _containers.RepeatedCompositeFieldContainer[_audio_pb2.AudioWarning]
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[SpeakerTurn, _Mapping]]] = ..., exclusive_turns: _Optional[_Iterable[_Union[SpeakerTurn, _Mapping]]] = ..., speakers: _Optional[_Iterable[_Union[SpeakerSummary, _Mapping]]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., coverage: _Optional[_Union[_audio_pb2.AudioCoverage, _Mapping]] = ..., source: _Optional[_Union[_audio_pb2.AudioSource, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[_audio_pb2.AudioWarning, _Mapping]]] = ...) -> None: ...

class WriteDiarizationRequest(_message.Message):
    __slots__ = ("diarization", "formats")
    DIARIZATION_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    diarization: DiarizeResponse
    formats: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, diarization: _Optional[_Union[DiarizeResponse, _Mapping]] = ..., formats: _Optional[_Iterable[str]] = ...) -> None: ...

class WriteDiarizationResponse(_message.Message):
    __slots__ = ("forms",)
    FORMS_FIELD_NUMBER: _ClassVar[int]
    forms: _containers.RepeatedCompositeFieldContainer[_audio_pb2.WrittenForm]
    def __init__(self, forms: _Optional[_Iterable[_Union[_audio_pb2.WrittenForm, _Mapping]]] = ...) -> None: ...

class UploadDiarizeRequest(_message.Message):
    __slots__ = ("config", "chunk")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    config: DiarizeConfig
    chunk: bytes
    def __init__(self, config: _Optional[_Union[DiarizeConfig, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadDiarizeResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _audio_pb2.AudioProgress
    result: DiarizeResponse
    def __init__(self, progress: _Optional[_Union[_audio_pb2.AudioProgress, _Mapping]] = ..., result: _Optional[_Union[DiarizeResponse, _Mapping]] = ...) -> None: ...
