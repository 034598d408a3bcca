import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from passerelle.v1 import model_pb2 as _model_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("profile", "version", "limits", "models", "endpoints", "recognition")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    RECOGNITION_FIELD_NUMBER: _ClassVar[int]
    profile: str
    version: str
    limits: Limits
    models: _containers.RepeatedCompositeFieldContainer[ModelCapabilities]
    endpoints: _containers.RepeatedCompositeFieldContainer[_route_pb2.Endpoint]
    recognition: FileRecognition
    def __init__(self, profile: _Optional[str] = ..., version: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., models: _Optional[_Iterable[_Union[ModelCapabilities, _Mapping]]] = ..., endpoints: _Optional[_Iterable[_Union[_route_pb2.Endpoint, _Mapping]]] = ..., recognition: _Optional[_Union[FileRecognition, _Mapping]] = ...) -> None: ...

class ModelCapabilities(_message.Message):
    __slots__ = ("key", "aliases", "capability", "features", "languages", "context_tokens", "load_wait", "extra_fields", "refused_fields", "ignored_fields")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOAD_WAIT_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELDS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    capability: _model_pb2.Capability
    features: _containers.RepeatedScalarFieldContainer[str]
    languages: _containers.RepeatedScalarFieldContainer[str]
    context_tokens: int
    load_wait: _duration_pb2.Duration
    extra_fields: _containers.RepeatedScalarFieldContainer[str]
    refused_fields: _containers.RepeatedScalarFieldContainer[str]
    ignored_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., capability: _Optional[_Union[_model_pb2.Capability, str]] = ..., features: _Optional[_Iterable[str]] = ..., languages: _Optional[_Iterable[str]] = ..., context_tokens: _Optional[int] = ..., load_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., extra_fields: _Optional[_Iterable[str]] = ..., refused_fields: _Optional[_Iterable[str]] = ..., ignored_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("chat", "audio", "max_json_body_bytes", "load_wait", "max_stream_duration", "max_replicas", "max_idle_unload", "stop_grace", "max_concurrent_streams", "max_open_calls_per_address", "max_calls_per_address", "max_admin_body_bytes", "max_body_silence", "max_json_depth", "max_load_wait", "requests_kept", "usage_kept", "max_named_keys", "max_key_characters", "max_key_lifetime", "quota_unstated_tokens", "quota_lease_percent", "quota_lease")
    CHAT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MAX_JSON_BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOAD_WAIT_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    MAX_IDLE_UNLOAD_FIELD_NUMBER: _ClassVar[int]
    STOP_GRACE_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_CALLS_PER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_PER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MAX_ADMIN_BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BODY_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_JSON_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LOAD_WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_KEPT_FIELD_NUMBER: _ClassVar[int]
    USAGE_KEPT_FIELD_NUMBER: _ClassVar[int]
    MAX_NAMED_KEYS_FIELD_NUMBER: _ClassVar[int]
    MAX_KEY_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_KEY_LIFETIME_FIELD_NUMBER: _ClassVar[int]
    QUOTA_UNSTATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_LEASE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    QUOTA_LEASE_FIELD_NUMBER: _ClassVar[int]
    chat: ChatLimits
    audio: AudioLimits
    max_json_body_bytes: float
    load_wait: _duration_pb2.Duration
    max_stream_duration: _duration_pb2.Duration
    max_replicas: int
    max_idle_unload: _duration_pb2.Duration
    stop_grace: _duration_pb2.Duration
    max_concurrent_streams: int
    max_open_calls_per_address: int
    max_calls_per_address: int
    max_admin_body_bytes: int
    max_body_silence: _duration_pb2.Duration
    max_json_depth: int
    max_load_wait: _duration_pb2.Duration
    requests_kept: int
    usage_kept: _duration_pb2.Duration
    max_named_keys: int
    max_key_characters: int
    max_key_lifetime: _duration_pb2.Duration
    quota_unstated_tokens: int
    quota_lease_percent: float
    quota_lease: _duration_pb2.Duration
    def __init__(self, chat: _Optional[_Union[ChatLimits, _Mapping]] = ..., audio: _Optional[_Union[AudioLimits, _Mapping]] = ..., max_json_body_bytes: _Optional[float] = ..., load_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_stream_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_replicas: _Optional[int] = ..., max_idle_unload: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stop_grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_concurrent_streams: _Optional[int] = ..., max_open_calls_per_address: _Optional[int] = ..., max_calls_per_address: _Optional[int] = ..., max_admin_body_bytes: _Optional[int] = ..., max_body_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_json_depth: _Optional[int] = ..., max_load_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., requests_kept: _Optional[int] = ..., usage_kept: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_named_keys: _Optional[int] = ..., max_key_characters: _Optional[int] = ..., max_key_lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., quota_unstated_tokens: _Optional[int] = ..., quota_lease_percent: _Optional[float] = ..., quota_lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ChatLimits(_message.Message):
    __slots__ = ("max_messages", "max_tokens", "max_n", "max_stop", "max_top_logprobs", "max_images", "max_grammar_bytes", "max_tools_bytes", "max_grammar_depth", "max_grammar_repetitions", "max_grammar_choices", "max_grammar_nodes", "max_logit_bias", "max_listed_tokens", "max_grammar_compilation", "max_grammar_memory_bytes", "max_image_bytes", "max_image_pixels", "max_image_frames", "max_completion_logprobs")
    MAX_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_N_FIELD_NUMBER: _ClassVar[int]
    MAX_STOP_FIELD_NUMBER: _ClassVar[int]
    MAX_TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOOLS_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_REPETITIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_CHOICES_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_NODES_FIELD_NUMBER: _ClassVar[int]
    MAX_LOGIT_BIAS_FIELD_NUMBER: _ClassVar[int]
    MAX_LISTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_COMPILATION_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAMMAR_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_FRAMES_FIELD_NUMBER: _ClassVar[int]
    MAX_COMPLETION_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    max_messages: int
    max_tokens: int
    max_n: int
    max_stop: int
    max_top_logprobs: int
    max_images: int
    max_grammar_bytes: int
    max_tools_bytes: int
    max_grammar_depth: int
    max_grammar_repetitions: int
    max_grammar_choices: int
    max_grammar_nodes: int
    max_logit_bias: int
    max_listed_tokens: int
    max_grammar_compilation: _duration_pb2.Duration
    max_grammar_memory_bytes: float
    max_image_bytes: int
    max_image_pixels: int
    max_image_frames: int
    max_completion_logprobs: int
    def __init__(self, max_messages: _Optional[int] = ..., max_tokens: _Optional[int] = ..., max_n: _Optional[int] = ..., max_stop: _Optional[int] = ..., max_top_logprobs: _Optional[int] = ..., max_images: _Optional[int] = ..., max_grammar_bytes: _Optional[int] = ..., max_tools_bytes: _Optional[int] = ..., max_grammar_depth: _Optional[int] = ..., max_grammar_repetitions: _Optional[int] = ..., max_grammar_choices: _Optional[int] = ..., max_grammar_nodes: _Optional[int] = ..., max_logit_bias: _Optional[int] = ..., max_listed_tokens: _Optional[int] = ..., max_grammar_compilation: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_grammar_memory_bytes: _Optional[float] = ..., max_image_bytes: _Optional[int] = ..., max_image_pixels: _Optional[int] = ..., max_image_frames: _Optional[int] = ..., max_completion_logprobs: _Optional[int] = ...) -> None: ...

class AudioLimits(_message.Message):
    __slots__ = ("max_upload_bytes", "max_message_bytes", "max_duration", "min_sample_rate_hertz", "max_sample_rate_hertz", "max_channels", "max_stream_silence", "max_decoded_bytes", "max_speakers", "max_prompt_characters", "max_live_streams", "endpoint_silence", "min_endpoint_silence", "max_endpoint_silence", "utterance", "min_utterance", "max_utterance", "max_web_sockets", "max_web_socket_message_bytes", "max_web_sockets_per_address", "spare_live_streams", "max_separate_channels", "max_voice_backlog", "max_known_speakers", "min_known_speaker_clip", "max_known_speaker_clip", "max_known_speaker_clip_bytes", "max_known_speaker_name_characters", "max_phrases", "low_confidence")
    MAX_UPLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    MIN_SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    MAX_SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    MAX_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_DECODED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROMPT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_LIVE_STREAMS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_ENDPOINT_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_ENDPOINT_SILENCE_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    MIN_UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    MAX_WEB_SOCKETS_FIELD_NUMBER: _ClassVar[int]
    MAX_WEB_SOCKET_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_WEB_SOCKETS_PER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SPARE_LIVE_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_SEPARATE_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    MAX_VOICE_BACKLOG_FIELD_NUMBER: _ClassVar[int]
    MAX_KNOWN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MIN_KNOWN_SPEAKER_CLIP_FIELD_NUMBER: _ClassVar[int]
    MAX_KNOWN_SPEAKER_CLIP_FIELD_NUMBER: _ClassVar[int]
    MAX_KNOWN_SPEAKER_CLIP_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_KNOWN_SPEAKER_NAME_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_PHRASES_FIELD_NUMBER: _ClassVar[int]
    LOW_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    max_upload_bytes: float
    max_message_bytes: float
    max_duration: _duration_pb2.Duration
    min_sample_rate_hertz: int
    max_sample_rate_hertz: int
    max_channels: int
    max_stream_silence: _duration_pb2.Duration
    max_decoded_bytes: float
    max_speakers: int
    max_prompt_characters: int
    max_live_streams: int
    endpoint_silence: _duration_pb2.Duration
    min_endpoint_silence: _duration_pb2.Duration
    max_endpoint_silence: _duration_pb2.Duration
    utterance: _duration_pb2.Duration
    min_utterance: _duration_pb2.Duration
    max_utterance: _duration_pb2.Duration
    max_web_sockets: int
    max_web_socket_message_bytes: int
    max_web_sockets_per_address: int
    spare_live_streams: int
    max_separate_channels: int
    max_voice_backlog: int
    max_known_speakers: int
    min_known_speaker_clip: _duration_pb2.Duration
    max_known_speaker_clip: _duration_pb2.Duration
    max_known_speaker_clip_bytes: int
    max_known_speaker_name_characters: int
    max_phrases: int
    low_confidence: float
    def __init__(self, max_upload_bytes: _Optional[float] = ..., max_message_bytes: _Optional[float] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_sample_rate_hertz: _Optional[int] = ..., max_sample_rate_hertz: _Optional[int] = ..., max_channels: _Optional[int] = ..., max_stream_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_decoded_bytes: _Optional[float] = ..., max_speakers: _Optional[int] = ..., max_prompt_characters: _Optional[int] = ..., max_live_streams: _Optional[int] = ..., endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_web_sockets: _Optional[int] = ..., max_web_socket_message_bytes: _Optional[int] = ..., max_web_sockets_per_address: _Optional[int] = ..., spare_live_streams: _Optional[int] = ..., max_separate_channels: _Optional[int] = ..., max_voice_backlog: _Optional[int] = ..., max_known_speakers: _Optional[int] = ..., min_known_speaker_clip: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_known_speaker_clip: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_known_speaker_clip_bytes: _Optional[int] = ..., max_known_speaker_name_characters: _Optional[int] = ..., max_phrases: _Optional[int] = ..., low_confidence: _Optional[float] = ...) -> None: ...

class FileRecognition(_message.Message):
    __slots__ = ("containers", "foreign", "frames", "searched_bytes", "raw_extensions", "raw_types")
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    FOREIGN_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    SEARCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAW_EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    RAW_TYPES_FIELD_NUMBER: _ClassVar[int]
    containers: _containers.RepeatedScalarFieldContainer[str]
    foreign: _containers.RepeatedCompositeFieldContainer[ForeignFile]
    frames: str
    searched_bytes: int
    raw_extensions: _containers.RepeatedScalarFieldContainer[str]
    raw_types: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, containers: _Optional[_Iterable[str]] = ..., foreign: _Optional[_Iterable[_Union[ForeignFile, _Mapping]]] = ..., frames: _Optional[str] = ..., searched_bytes: _Optional[int] = ..., raw_extensions: _Optional[_Iterable[str]] = ..., raw_types: _Optional[_Iterable[str]] = ...) -> None: ...

class ForeignFile(_message.Message):
    __slots__ = ("pattern", "label")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    label: str
    def __init__(self, pattern: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...
