import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quota(_message.Message):
    __slots__ = ("requests_per_minute", "tokens_per_minute", "audio_minutes_per_hour", "audio_minutes_per_day", "parallel_requests", "tokens_per_day", "tokens_per_month")
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MINUTES_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MINUTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MONTH_FIELD_NUMBER: _ClassVar[int]
    requests_per_minute: int
    tokens_per_minute: int
    audio_minutes_per_hour: int
    audio_minutes_per_day: int
    parallel_requests: int
    tokens_per_day: int
    tokens_per_month: int
    def __init__(self, requests_per_minute: _Optional[int] = ..., tokens_per_minute: _Optional[int] = ..., audio_minutes_per_hour: _Optional[int] = ..., audio_minutes_per_day: _Optional[int] = ..., parallel_requests: _Optional[int] = ..., tokens_per_day: _Optional[int] = ..., tokens_per_month: _Optional[int] = ...) -> None: ...

class QuotaUse(_message.Message):
    __slots__ = ("name", "limit", "used", "resets_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    RESETS_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    limit: int
    used: float
    resets_at: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., limit: _Optional[int] = ..., used: _Optional[float] = ..., resets_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetQuotaRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetQuotaResponse(_message.Message):
    __slots__ = ("key", "quota", "uses")
    KEY_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    key: str
    quota: Quota
    uses: _containers.RepeatedCompositeFieldContainer[QuotaUse]
    def __init__(self, key: _Optional[str] = ..., quota: _Optional[_Union[Quota, _Mapping]] = ..., uses: _Optional[_Iterable[_Union[QuotaUse, _Mapping]]] = ...) -> None: ...
