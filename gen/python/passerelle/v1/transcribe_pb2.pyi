import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from passerelle.v1 import audio_pb2 as _audio_pb2
from passerelle.v1 import diarize_pb2 as _diarize_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from passerelle.v1 import speakers_pb2 as _speakers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TranscribeTask(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSCRIBE_TASK_UNSPECIFIED: _ClassVar[TranscribeTask]
    TRANSCRIBE_TASK_TRANSCRIBE: _ClassVar[TranscribeTask]
    TRANSCRIBE_TASK_TRANSLATE: _ClassVar[TranscribeTask]
TRANSCRIBE_TASK_UNSPECIFIED: TranscribeTask
TRANSCRIBE_TASK_TRANSCRIBE: TranscribeTask
TRANSCRIBE_TASK_TRANSLATE: TranscribeTask

class TranscribeConfig(_message.Message):
    __slots__ = ("model", "audio_format", "language", "task", "target_language", "word_timestamps", "punctuation", "prompt", "temperature", "diarization", "channels", "phrases", "phrase_boost")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TARGET_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    WORD_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    DIARIZATION_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    PHRASE_BOOST_FIELD_NUMBER: _ClassVar[int]
    model: str
    audio_format: _audio_pb2.AudioFormat
    language: str
    task: TranscribeTask
    target_language: str
    word_timestamps: bool
    punctuation: bool
    prompt: str
    temperature: float
    diarization: _diarize_pb2.DiarizeConfig
    channels: _audio_pb2.AudioChannels
    phrases: _containers.RepeatedScalarFieldContainer[str]
    phrase_boost: float
    def __init__(self, model: _Optional[str] = ..., audio_format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., language: _Optional[str] = ..., task: _Optional[_Union[TranscribeTask, str]] = ..., target_language: _Optional[str] = ..., word_timestamps: bool = ..., punctuation: bool = ..., prompt: _Optional[str] = ..., temperature: _Optional[float] = ..., diarization: _Optional[_Union[_diarize_pb2.DiarizeConfig, _Mapping]] = ..., channels: _Optional[_Union[_audio_pb2.AudioChannels, str]] = ..., phrases: _Optional[_Iterable[str]] = ..., phrase_boost: _Optional[float] = ...) -> None: ...

class TranscribeRequest(_message.Message):
    __slots__ = ("config", "audio")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    config: TranscribeConfig
    audio: bytes
    def __init__(self, config: _Optional[_Union[TranscribeConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class TranscribeResponse(_message.Message):
    __slots__ = ("id", "model", "language", "language_probability", "text", "segments", "duration", "coverage", "speakers", "language_assumed", "source", "warnings")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_ASSUMED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    language: str
    language_probability: float
    text: str
    segments: _containers.RepeatedCompositeFieldContainer[_audio_pb2.Segment]
    duration: _duration_pb2.Duration
    coverage: _audio_pb2.AudioCoverage
    speakers: _containers.RepeatedCompositeFieldContainer[_diarize_pb2.SpeakerSummary]
    language_assumed: bool
    source: _audio_pb2.AudioSource
    warnings: _containers.RepeatedCompositeFieldContainer[_audio_pb2.AudioWarning]
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., language: _Optional[str] = ..., language_probability: _Optional[float] = ..., text: _Optional[str] = ..., segments: _Optional[_Iterable[_Union[_audio_pb2.Segment, _Mapping]]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., coverage: _Optional[_Union[_audio_pb2.AudioCoverage, _Mapping]] = ..., speakers: _Optional[_Iterable[_Union[_diarize_pb2.SpeakerSummary, _Mapping]]] = ..., language_assumed: bool = ..., source: _Optional[_Union[_audio_pb2.AudioSource, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[_audio_pb2.AudioWarning, _Mapping]]] = ...) -> None: ...

class WriteTranscriptRequest(_message.Message):
    __slots__ = ("transcript", "formats", "subtitles")
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    SUBTITLES_FIELD_NUMBER: _ClassVar[int]
    transcript: TranscribeResponse
    formats: _containers.RepeatedScalarFieldContainer[str]
    subtitles: SubtitleStyle
    def __init__(self, transcript: _Optional[_Union[TranscribeResponse, _Mapping]] = ..., formats: _Optional[_Iterable[str]] = ..., subtitles: _Optional[_Union[SubtitleStyle, _Mapping]] = ...) -> None: ...

class SubtitleStyle(_message.Message):
    __slots__ = ("max_line_length", "max_lines", "max_characters_per_second", "min_seconds", "max_seconds", "min_gap_seconds")
    MAX_LINE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LINES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHARACTERS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MIN_GAP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    max_line_length: int
    max_lines: int
    max_characters_per_second: float
    min_seconds: float
    max_seconds: float
    min_gap_seconds: float
    def __init__(self, max_line_length: _Optional[int] = ..., max_lines: _Optional[int] = ..., max_characters_per_second: _Optional[float] = ..., min_seconds: _Optional[float] = ..., max_seconds: _Optional[float] = ..., min_gap_seconds: _Optional[float] = ...) -> None: ...

class WriteTranscriptResponse(_message.Message):
    __slots__ = ("forms",)
    FORMS_FIELD_NUMBER: _ClassVar[int]
    forms: _containers.RepeatedCompositeFieldContainer[_audio_pb2.WrittenForm]
    def __init__(self, forms: _Optional[_Iterable[_Union[_audio_pb2.WrittenForm, _Mapping]]] = ...) -> None: ...

class UploadTranscribeRequest(_message.Message):
    __slots__ = ("config", "chunk")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    config: TranscribeConfig
    chunk: bytes
    def __init__(self, config: _Optional[_Union[TranscribeConfig, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadTranscribeResponse(_message.Message):
    __slots__ = ("progress", "segment", "result", "draft")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    progress: _audio_pb2.AudioProgress
    segment: _audio_pb2.Segment
    result: TranscribeResponse
    draft: _audio_pb2.Segment
    def __init__(self, progress: _Optional[_Union[_audio_pb2.AudioProgress, _Mapping]] = ..., segment: _Optional[_Union[_audio_pb2.Segment, _Mapping]] = ..., result: _Optional[_Union[TranscribeResponse, _Mapping]] = ..., draft: _Optional[_Union[_audio_pb2.Segment, _Mapping]] = ...) -> None: ...

class StreamTranscribeConfig(_message.Message):
    __slots__ = ("config", "interim_results", "endpoint_silence", "max_utterance", "resume_sample", "progress")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    RESUME_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    config: TranscribeConfig
    interim_results: bool
    endpoint_silence: _duration_pb2.Duration
    max_utterance: _duration_pb2.Duration
    resume_sample: int
    progress: bool
    def __init__(self, config: _Optional[_Union[TranscribeConfig, _Mapping]] = ..., interim_results: bool = ..., endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., resume_sample: _Optional[int] = ..., progress: bool = ...) -> None: ...

class StreamTranscribeRequest(_message.Message):
    __slots__ = ("config", "audio")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    config: StreamTranscribeConfig
    audio: bytes
    def __init__(self, config: _Optional[_Union[StreamTranscribeConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class StreamTranscribeResponse(_message.Message):
    __slots__ = ("ready", "speech_start", "speech_end", "partial", "final", "summary", "progress", "speaker_revisions")
    READY_FIELD_NUMBER: _ClassVar[int]
    SPEECH_START_FIELD_NUMBER: _ClassVar[int]
    SPEECH_END_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_REVISIONS_FIELD_NUMBER: _ClassVar[int]
    ready: StreamReady
    speech_start: SpeechBoundary
    speech_end: SpeechBoundary
    partial: PartialTranscript
    final: _audio_pb2.Segment
    summary: StreamSummary
    progress: StreamProgress
    speaker_revisions: _speakers_pb2.SpeakerRevisions
    def __init__(self, ready: _Optional[_Union[StreamReady, _Mapping]] = ..., speech_start: _Optional[_Union[SpeechBoundary, _Mapping]] = ..., speech_end: _Optional[_Union[SpeechBoundary, _Mapping]] = ..., partial: _Optional[_Union[PartialTranscript, _Mapping]] = ..., final: _Optional[_Union[_audio_pb2.Segment, _Mapping]] = ..., summary: _Optional[_Union[StreamSummary, _Mapping]] = ..., progress: _Optional[_Union[StreamProgress, _Mapping]] = ..., speaker_revisions: _Optional[_Union[_speakers_pb2.SpeakerRevisions, _Mapping]] = ...) -> None: ...

class StreamReady(_message.Message):
    __slots__ = ("id", "model")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class SpeechBoundary(_message.Message):
    __slots__ = ("offset", "utterance_index")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_INDEX_FIELD_NUMBER: _ClassVar[int]
    offset: _duration_pb2.Duration
    utterance_index: int
    def __init__(self, offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., utterance_index: _Optional[int] = ...) -> None: ...

class PartialTranscript(_message.Message):
    __slots__ = ("utterance_index", "kept_length", "text", "speaker_label")
    UTTERANCE_INDEX_FIELD_NUMBER: _ClassVar[int]
    KEPT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    utterance_index: int
    kept_length: int
    text: str
    speaker_label: str
    def __init__(self, utterance_index: _Optional[int] = ..., kept_length: _Optional[int] = ..., text: _Optional[str] = ..., speaker_label: _Optional[str] = ...) -> None: ...

class StreamProgress(_message.Message):
    __slots__ = ("offset",)
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    offset: _duration_pb2.Duration
    def __init__(self, offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StreamSummary(_message.Message):
    __slots__ = ("text", "language", "coverage", "language_assumed", "resume_sample", "speaker_revisions", "speakers")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_ASSUMED_FIELD_NUMBER: _ClassVar[int]
    RESUME_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_REVISIONS_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    text: str
    language: str
    coverage: _audio_pb2.AudioCoverage
    language_assumed: bool
    resume_sample: int
    speaker_revisions: _containers.RepeatedCompositeFieldContainer[_speakers_pb2.SpeakerRevision]
    speakers: _containers.RepeatedCompositeFieldContainer[_diarize_pb2.SpeakerSummary]
    def __init__(self, text: _Optional[str] = ..., language: _Optional[str] = ..., coverage: _Optional[_Union[_audio_pb2.AudioCoverage, _Mapping]] = ..., language_assumed: bool = ..., resume_sample: _Optional[int] = ..., speaker_revisions: _Optional[_Iterable[_Union[_speakers_pb2.SpeakerRevision, _Mapping]]] = ..., speakers: _Optional[_Iterable[_Union[_diarize_pb2.SpeakerSummary, _Mapping]]] = ...) -> None: ...
