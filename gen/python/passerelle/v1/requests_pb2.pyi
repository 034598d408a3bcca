import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestSort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_SORT_UNSPECIFIED: _ClassVar[RequestSort]
    REQUEST_SORT_CHAT: _ClassVar[RequestSort]
    REQUEST_SORT_COMPLETION: _ClassVar[RequestSort]
    REQUEST_SORT_TRANSCRIBE: _ClassVar[RequestSort]
    REQUEST_SORT_LIVE: _ClassVar[RequestSort]
    REQUEST_SORT_DIARIZE: _ClassVar[RequestSort]
REQUEST_SORT_UNSPECIFIED: RequestSort
REQUEST_SORT_CHAT: RequestSort
REQUEST_SORT_COMPLETION: RequestSort
REQUEST_SORT_TRANSCRIBE: RequestSort
REQUEST_SORT_LIVE: RequestSort
REQUEST_SORT_DIARIZE: RequestSort

class Request(_message.Message):
    __slots__ = ("id", "call", "key", "model", "sort", "client", "front", "replicas", "gpus", "received_at", "running", "status", "stream", "tokens_in", "tokens_out", "audio_seconds", "tokens_per_second", "asked", "sent", "queued", "first", "last", "ended", "options")
    ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    FRONT_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TOKENS_IN_FIELD_NUMBER: _ClassVar[int]
    TOKENS_OUT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    call: str
    key: str
    model: str
    sort: RequestSort
    client: str
    front: str
    replicas: _containers.RepeatedScalarFieldContainer[str]
    gpus: _containers.RepeatedScalarFieldContainer[int]
    received_at: _timestamp_pb2.Timestamp
    running: bool
    status: str
    stream: bool
    tokens_in: int
    tokens_out: int
    audio_seconds: float
    tokens_per_second: float
    asked: float
    sent: float
    queued: float
    first: float
    last: float
    ended: float
    options: RequestOptions
    def __init__(self, id: _Optional[str] = ..., call: _Optional[str] = ..., key: _Optional[str] = ..., model: _Optional[str] = ..., sort: _Optional[_Union[RequestSort, str]] = ..., client: _Optional[str] = ..., front: _Optional[str] = ..., replicas: _Optional[_Iterable[str]] = ..., gpus: _Optional[_Iterable[int]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., running: bool = ..., status: _Optional[str] = ..., stream: bool = ..., tokens_in: _Optional[int] = ..., tokens_out: _Optional[int] = ..., audio_seconds: _Optional[float] = ..., tokens_per_second: _Optional[float] = ..., asked: _Optional[float] = ..., sent: _Optional[float] = ..., queued: _Optional[float] = ..., first: _Optional[float] = ..., last: _Optional[float] = ..., ended: _Optional[float] = ..., options: _Optional[_Union[RequestOptions, _Mapping]] = ...) -> None: ...

class RequestOptions(_message.Message):
    __slots__ = ("format", "max_tokens", "temperature", "top_p", "n", "seed", "presence_penalty", "frequency_penalty", "tools", "language", "translate", "target_language", "word_timestamps", "punctuation", "speakers", "num_speakers", "min_speakers", "max_speakers")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TRANSLATE_FIELD_NUMBER: _ClassVar[int]
    TARGET_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    WORD_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    NUM_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    format: str
    max_tokens: int
    temperature: float
    top_p: float
    n: int
    seed: int
    presence_penalty: float
    frequency_penalty: float
    tools: int
    language: str
    translate: bool
    target_language: str
    word_timestamps: bool
    punctuation: bool
    speakers: bool
    num_speakers: int
    min_speakers: int
    max_speakers: int
    def __init__(self, format: _Optional[str] = ..., max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., n: _Optional[int] = ..., seed: _Optional[int] = ..., presence_penalty: _Optional[float] = ..., frequency_penalty: _Optional[float] = ..., tools: _Optional[int] = ..., language: _Optional[str] = ..., translate: bool = ..., target_language: _Optional[str] = ..., word_timestamps: bool = ..., punctuation: bool = ..., speakers: bool = ..., num_speakers: _Optional[int] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: RequestFilter
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[RequestFilter, _Mapping]] = ...) -> None: ...

class RequestFilter(_message.Message):
    __slots__ = ("model", "key", "sort", "status", "running", "failed", "gpu", "since", "until")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    GPU_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    model: str
    key: str
    sort: RequestSort
    status: str
    running: bool
    failed: bool
    gpu: int
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    def __init__(self, model: _Optional[str] = ..., key: _Optional[str] = ..., sort: _Optional[_Union[RequestSort, str]] = ..., status: _Optional[str] = ..., running: bool = ..., failed: bool = ..., gpu: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[Request]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[Request, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRequestRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: Request
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ...) -> None: ...

class WatchRequestsRequest(_message.Message):
    __slots__ = ("filter", "history")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    filter: RequestFilter
    history: int
    def __init__(self, filter: _Optional[_Union[RequestFilter, _Mapping]] = ..., history: _Optional[int] = ...) -> None: ...

class WatchRequestsResponse(_message.Message):
    __slots__ = ("requests", "missed")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[Request]
    missed: int
    def __init__(self, requests: _Optional[_Iterable[_Union[Request, _Mapping]]] = ..., missed: _Optional[int] = ...) -> None: ...

class CancelRequestRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelRequestResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    def __init__(self, cancelled: _Optional[int] = ...) -> None: ...
