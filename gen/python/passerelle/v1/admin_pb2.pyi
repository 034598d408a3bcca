import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from passerelle.v1 import limits_pb2 as _limits_pb2
from passerelle.v1 import log_level_pb2 as _log_level_pb2
from passerelle.v1 import machine_pb2 as _machine_pb2
from passerelle.v1 import model_pb2 as _model_pb2
from passerelle.v1 import model_verbs_pb2 as _model_verbs_pb2
from passerelle.v1 import operation_pb2 as _operation_pb2
from passerelle.v1 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: Status
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ...) -> None: ...

class WatchStatusRequest(_message.Message):
    __slots__ = ("interval",)
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchStatusResponse(_message.Message):
    __slots__ = ("status", "sequence")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    status: Status
    sequence: int
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("observed_at", "profile", "profile_notice", "version", "models", "gpus", "host", "api_key_required", "admin_key_required", "processes", "started_at", "build", "stopping_at")
    OBSERVED_AT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_NOTICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    API_KEY_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    ADMIN_KEY_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    STOPPING_AT_FIELD_NUMBER: _ClassVar[int]
    observed_at: _timestamp_pb2.Timestamp
    profile: str
    profile_notice: str
    version: str
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.Model]
    gpus: _containers.RepeatedCompositeFieldContainer[_machine_pb2.Gpu]
    host: _machine_pb2.Host
    api_key_required: bool
    admin_key_required: bool
    processes: _containers.RepeatedCompositeFieldContainer[_machine_pb2.ServerProcess]
    started_at: _timestamp_pb2.Timestamp
    build: str
    stopping_at: _timestamp_pb2.Timestamp
    def __init__(self, observed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., profile: _Optional[str] = ..., profile_notice: _Optional[str] = ..., version: _Optional[str] = ..., models: _Optional[_Iterable[_Union[_model_pb2.Model, _Mapping]]] = ..., gpus: _Optional[_Iterable[_Union[_machine_pb2.Gpu, _Mapping]]] = ..., host: _Optional[_Union[_machine_pb2.Host, _Mapping]] = ..., api_key_required: bool = ..., admin_key_required: bool = ..., processes: _Optional[_Iterable[_Union[_machine_pb2.ServerProcess, _Mapping]]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., build: _Optional[str] = ..., stopping_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetAccessRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAccessResponse(_message.Message):
    __slots__ = ("inference", "admin")
    INFERENCE_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    inference: bool
    admin: bool
    def __init__(self, inference: bool = ..., admin: bool = ...) -> None: ...

class StreamLogsRequest(_message.Message):
    __slots__ = ("model", "tail_lines", "follow")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    model: str
    tail_lines: int
    follow: bool
    def __init__(self, model: _Optional[str] = ..., tail_lines: _Optional[int] = ..., follow: bool = ...) -> None: ...

class StreamLogsResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[str]] = ...) -> None: ...
