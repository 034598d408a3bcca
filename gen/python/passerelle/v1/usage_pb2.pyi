import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from passerelle.v1 import requests_pb2 as _requests_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_STEP_UNSPECIFIED: _ClassVar[UsageStep]
    USAGE_STEP_HOUR: _ClassVar[UsageStep]
    USAGE_STEP_DAY: _ClassVar[UsageStep]
    USAGE_STEP_ALL: _ClassVar[UsageStep]

class UsageGroup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_GROUP_UNSPECIFIED: _ClassVar[UsageGroup]
    USAGE_GROUP_KEY: _ClassVar[UsageGroup]
    USAGE_GROUP_MODEL: _ClassVar[UsageGroup]
    USAGE_GROUP_SORT: _ClassVar[UsageGroup]
USAGE_STEP_UNSPECIFIED: UsageStep
USAGE_STEP_HOUR: UsageStep
USAGE_STEP_DAY: UsageStep
USAGE_STEP_ALL: UsageStep
USAGE_GROUP_UNSPECIFIED: UsageGroup
USAGE_GROUP_KEY: UsageGroup
USAGE_GROUP_MODEL: UsageGroup
USAGE_GROUP_SORT: UsageGroup

class UsageQuery(_message.Message):
    __slots__ = ("since", "until", "step", "group_by", "key", "model", "sort")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    step: UsageStep
    group_by: _containers.RepeatedScalarFieldContainer[UsageGroup]
    key: str
    model: str
    sort: _requests_pb2.RequestSort
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., step: _Optional[_Union[UsageStep, str]] = ..., group_by: _Optional[_Iterable[_Union[UsageGroup, str]]] = ..., key: _Optional[str] = ..., model: _Optional[str] = ..., sort: _Optional[_Union[_requests_pb2.RequestSort, str]] = ...) -> None: ...

class GetUsageRequest(_message.Message):
    __slots__ = ("query", "page_size", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: UsageQuery
    page_size: int
    page_token: str
    def __init__(self, query: _Optional[_Union[UsageQuery, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ("since", "key", "model", "sort", "requests", "outcomes", "tokens_in", "tokens_out", "audio_seconds", "first_p50", "first_p95", "duration_p50", "duration_p95")
    class OutcomesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SINCE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_IN_FIELD_NUMBER: _ClassVar[int]
    TOKENS_OUT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_P50_FIELD_NUMBER: _ClassVar[int]
    FIRST_P95_FIELD_NUMBER: _ClassVar[int]
    DURATION_P50_FIELD_NUMBER: _ClassVar[int]
    DURATION_P95_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    key: str
    model: str
    sort: _requests_pb2.RequestSort
    requests: float
    outcomes: _containers.ScalarMap[str, float]
    tokens_in: float
    tokens_out: float
    audio_seconds: float
    first_p50: _duration_pb2.Duration
    first_p95: _duration_pb2.Duration
    duration_p50: _duration_pb2.Duration
    duration_p95: _duration_pb2.Duration
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key: _Optional[str] = ..., model: _Optional[str] = ..., sort: _Optional[_Union[_requests_pb2.RequestSort, str]] = ..., requests: _Optional[float] = ..., outcomes: _Optional[_Mapping[str, float]] = ..., tokens_in: _Optional[float] = ..., tokens_out: _Optional[float] = ..., audio_seconds: _Optional[float] = ..., first_p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duration_p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duration_p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ExportUsageRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: UsageQuery
    def __init__(self, query: _Optional[_Union[UsageQuery, _Mapping]] = ...) -> None: ...

class EraseUsageRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class EraseUsageResponse(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: float
    def __init__(self, requests: _Optional[float] = ...) -> None: ...

class EraseOwnerRequest(_message.Message):
    __slots__ = ("owner", "issuer")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    owner: str
    issuer: str
    def __init__(self, owner: _Optional[str] = ..., issuer: _Optional[str] = ...) -> None: ...

class EraseOwnerResponse(_message.Message):
    __slots__ = ("erased",)
    ERASED_FIELD_NUMBER: _ClassVar[int]
    erased: Erased
    def __init__(self, erased: _Optional[_Union[Erased, _Mapping]] = ...) -> None: ...

class Erased(_message.Message):
    __slots__ = ("requests", "listed", "keys", "kept_keys")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    KEPT_KEYS_FIELD_NUMBER: _ClassVar[int]
    requests: float
    listed: int
    keys: _containers.RepeatedScalarFieldContainer[str]
    kept_keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, requests: _Optional[float] = ..., listed: _Optional[int] = ..., keys: _Optional[_Iterable[str]] = ..., kept_keys: _Optional[_Iterable[str]] = ...) -> None: ...
