import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_ENCODING_UNSPECIFIED: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S16LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_F32LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S24LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S32LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_MULAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_ALAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_G722: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_GSM: _ClassVar[AudioEncoding]

class AudioChannels(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_CHANNELS_UNSPECIFIED: _ClassVar[AudioChannels]
    AUDIO_CHANNELS_MIXED: _ClassVar[AudioChannels]
    AUDIO_CHANNELS_SEPARATE: _ClassVar[AudioChannels]

class AudioWarningReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_WARNING_REASON_UNSPECIFIED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_CHANNELS_CANCELLED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_LENGTH_CORRECTED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_AUDIO_TRUNCATED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_EDIT_LIST_APPLIED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_BYTES_NOT_DECODED: _ClassVar[AudioWarningReason]
    AUDIO_WARNING_REASON_AUDIO_GAP: _ClassVar[AudioWarningReason]
AUDIO_ENCODING_UNSPECIFIED: AudioEncoding
AUDIO_ENCODING_PCM_S16LE: AudioEncoding
AUDIO_ENCODING_PCM_F32LE: AudioEncoding
AUDIO_ENCODING_PCM_S24LE: AudioEncoding
AUDIO_ENCODING_PCM_S32LE: AudioEncoding
AUDIO_ENCODING_MULAW: AudioEncoding
AUDIO_ENCODING_ALAW: AudioEncoding
AUDIO_ENCODING_G722: AudioEncoding
AUDIO_ENCODING_GSM: AudioEncoding
AUDIO_CHANNELS_UNSPECIFIED: AudioChannels
AUDIO_CHANNELS_MIXED: AudioChannels
AUDIO_CHANNELS_SEPARATE: AudioChannels
AUDIO_WARNING_REASON_UNSPECIFIED: AudioWarningReason
AUDIO_WARNING_REASON_CHANNELS_CANCELLED: AudioWarningReason
AUDIO_WARNING_REASON_LENGTH_CORRECTED: AudioWarningReason
AUDIO_WARNING_REASON_AUDIO_TRUNCATED: AudioWarningReason
AUDIO_WARNING_REASON_EDIT_LIST_APPLIED: AudioWarningReason
AUDIO_WARNING_REASON_BYTES_NOT_DECODED: AudioWarningReason
AUDIO_WARNING_REASON_AUDIO_GAP: AudioWarningReason

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hertz", "channel_count", "assumed_encoding")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_ENCODING_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioEncoding
    sample_rate_hertz: int
    channel_count: int
    assumed_encoding: AudioEncoding
    def __init__(self, encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hertz: _Optional[int] = ..., channel_count: _Optional[int] = ..., assumed_encoding: _Optional[_Union[AudioEncoding, str]] = ...) -> None: ...

class Word(_message.Message):
    __slots__ = ("text", "start_offset", "end_offset", "confidence", "speaker_label", "low_confidence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    LOW_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    confidence: float
    speaker_label: str
    low_confidence: bool
    def __init__(self, text: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., confidence: _Optional[float] = ..., speaker_label: _Optional[str] = ..., low_confidence: bool = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("index", "text", "start_offset", "end_offset", "words", "speaker_label", "confidence", "no_speech_probability", "language", "cut", "low_confidence")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NO_SPEECH_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    LOW_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    text: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    words: _containers.RepeatedCompositeFieldContainer[Word]
    speaker_label: str
    confidence: float
    no_speech_probability: float
    language: str
    cut: bool
    low_confidence: bool
    def __init__(self, index: _Optional[int] = ..., text: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ..., speaker_label: _Optional[str] = ..., confidence: _Optional[float] = ..., no_speech_probability: _Optional[float] = ..., language: _Optional[str] = ..., cut: bool = ..., low_confidence: bool = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("start_offset", "end_offset")
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    def __init__(self, start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AudioCoverage(_message.Message):
    __slots__ = ("received_duration", "covered_duration", "speech_duration", "speech_without_words")
    RECEIVED_DURATION_FIELD_NUMBER: _ClassVar[int]
    COVERED_DURATION_FIELD_NUMBER: _ClassVar[int]
    SPEECH_DURATION_FIELD_NUMBER: _ClassVar[int]
    SPEECH_WITHOUT_WORDS_FIELD_NUMBER: _ClassVar[int]
    received_duration: _duration_pb2.Duration
    covered_duration: _duration_pb2.Duration
    speech_duration: _duration_pb2.Duration
    speech_without_words: _containers.RepeatedCompositeFieldContainer[TimeRange]
    def __init__(self, received_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., covered_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., speech_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., speech_without_words: _Optional[_Iterable[_Union[TimeRange, _Mapping]]] = ...) -> None: ...

class AudioSource(_message.Message):
    __slots__ = ("container", "codec", "sample_rate_hertz", "channel_count", "track_index", "track_count")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRACK_INDEX_FIELD_NUMBER: _ClassVar[int]
    TRACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    container: str
    codec: str
    sample_rate_hertz: int
    channel_count: int
    track_index: int
    track_count: int
    def __init__(self, container: _Optional[str] = ..., codec: _Optional[str] = ..., sample_rate_hertz: _Optional[int] = ..., channel_count: _Optional[int] = ..., track_index: _Optional[int] = ..., track_count: _Optional[int] = ...) -> None: ...

class AudioWarning(_message.Message):
    __slots__ = ("reason", "message", "ranges", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: AudioWarningReason
    message: str
    ranges: _containers.RepeatedCompositeFieldContainer[TimeRange]
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[_Union[AudioWarningReason, str]] = ..., message: _Optional[str] = ..., ranges: _Optional[_Iterable[_Union[TimeRange, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AudioProgress(_message.Message):
    __slots__ = ("stage", "completed_ratio", "processed_duration")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_RATIO_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_DURATION_FIELD_NUMBER: _ClassVar[int]
    stage: str
    completed_ratio: float
    processed_duration: _duration_pb2.Duration
    def __init__(self, stage: _Optional[str] = ..., completed_ratio: _Optional[float] = ..., processed_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WrittenForm(_message.Message):
    __slots__ = ("format", "content_type", "text")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    format: str
    content_type: str
    text: str
    def __init__(self, format: _Optional[str] = ..., content_type: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
