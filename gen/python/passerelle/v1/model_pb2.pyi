import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from passerelle.v1 import operation_pb2 as _operation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Capability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_UNSPECIFIED: _ClassVar[Capability]
    CAPABILITY_CHAT: _ClassVar[Capability]
    CAPABILITY_TRANSCRIBE: _ClassVar[Capability]
    CAPABILITY_DIARIZE: _ClassVar[Capability]

class ModelState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_STATE_UNSPECIFIED: _ClassVar[ModelState]
    MODEL_STATE_UNAVAILABLE: _ClassVar[ModelState]
    MODEL_STATE_DOWNLOADING: _ClassVar[ModelState]
    MODEL_STATE_CACHED: _ClassVar[ModelState]
    MODEL_STATE_LOADING: _ClassVar[ModelState]
    MODEL_STATE_READY: _ClassVar[ModelState]
    MODEL_STATE_ASLEEP: _ClassVar[ModelState]
    MODEL_STATE_UNLOADING: _ClassVar[ModelState]
CAPABILITY_UNSPECIFIED: Capability
CAPABILITY_CHAT: Capability
CAPABILITY_TRANSCRIBE: Capability
CAPABILITY_DIARIZE: Capability
MODEL_STATE_UNSPECIFIED: ModelState
MODEL_STATE_UNAVAILABLE: ModelState
MODEL_STATE_DOWNLOADING: ModelState
MODEL_STATE_CACHED: ModelState
MODEL_STATE_LOADING: ModelState
MODEL_STATE_READY: ModelState
MODEL_STATE_ASLEEP: ModelState
MODEL_STATE_UNLOADING: ModelState

class Model(_message.Message):
    __slots__ = ("key", "aliases", "display_name", "capability", "engine", "source", "state", "artifacts_cached", "cached_bytes", "total_bytes", "replicas", "selected_gpus", "operation", "last_error", "notice", "languages", "demonstration", "pinned", "idle_unload", "last_used_at", "state_since", "selected_replicas", "gpus_per_replica", "options", "load_options", "memory", "load_option_defaults", "load_switches", "past_error")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_CACHED_FIELD_NUMBER: _ClassVar[int]
    CACHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    SELECTED_GPUS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    DEMONSTRATION_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    IDLE_UNLOAD_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_SINCE_FIELD_NUMBER: _ClassVar[int]
    SELECTED_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GPUS_PER_REPLICA_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    LOAD_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    LOAD_OPTION_DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    LOAD_SWITCHES_FIELD_NUMBER: _ClassVar[int]
    PAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    key: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    display_name: str
    capability: Capability
    engine: str
    source: ModelSource
    state: ModelState
    artifacts_cached: bool
    cached_bytes: float
    total_bytes: float
    replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    selected_gpus: _containers.RepeatedScalarFieldContainer[int]
    operation: _operation_pb2.Operation
    last_error: _operation_pb2.ErrorDetail
    notice: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    demonstration: bool
    pinned: bool
    idle_unload: _duration_pb2.Duration
    last_used_at: _timestamp_pb2.Timestamp
    state_since: _timestamp_pb2.Timestamp
    selected_replicas: int
    gpus_per_replica: int
    options: _struct_pb2.Struct
    load_options: _containers.RepeatedScalarFieldContainer[str]
    memory: MemoryEstimate
    load_option_defaults: _struct_pb2.Struct
    load_switches: _containers.RepeatedScalarFieldContainer[str]
    past_error: _operation_pb2.ErrorDetail
    def __init__(self, key: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., display_name: _Optional[str] = ..., capability: _Optional[_Union[Capability, str]] = ..., engine: _Optional[str] = ..., source: _Optional[_Union[ModelSource, _Mapping]] = ..., state: _Optional[_Union[ModelState, str]] = ..., artifacts_cached: bool = ..., cached_bytes: _Optional[float] = ..., total_bytes: _Optional[float] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., selected_gpus: _Optional[_Iterable[int]] = ..., operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ..., last_error: _Optional[_Union[_operation_pb2.ErrorDetail, _Mapping]] = ..., notice: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., demonstration: bool = ..., pinned: bool = ..., idle_unload: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., selected_replicas: _Optional[int] = ..., gpus_per_replica: _Optional[int] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., load_options: _Optional[_Iterable[str]] = ..., memory: _Optional[_Union[MemoryEstimate, _Mapping]] = ..., load_option_defaults: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., load_switches: _Optional[_Iterable[str]] = ..., past_error: _Optional[_Union[_operation_pb2.ErrorDetail, _Mapping]] = ...) -> None: ...

class ModelSource(_message.Message):
    __slots__ = ("kind", "repository", "revision", "license", "commit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    repository: str
    revision: str
    license: str
    commit: str
    def __init__(self, kind: _Optional[str] = ..., repository: _Optional[str] = ..., revision: _Optional[str] = ..., license: _Optional[str] = ..., commit: _Optional[str] = ...) -> None: ...

class MemoryEstimate(_message.Message):
    __slots__ = ("weights_bytes", "working_bytes", "reserve_bytes")
    WEIGHTS_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORKING_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    weights_bytes: float
    working_bytes: float
    reserve_bytes: float
    def __init__(self, weights_bytes: _Optional[float] = ..., working_bytes: _Optional[float] = ..., reserve_bytes: _Optional[float] = ...) -> None: ...

class Replica(_message.Message):
    __slots__ = ("id", "gpus", "running_requests", "waiting_requests", "max_running", "max_waiting", "resident_bytes", "ready_at", "pid", "asleep", "gpu_bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNNING_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_AT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ASLEEP_FIELD_NUMBER: _ClassVar[int]
    GPU_BYTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    gpus: _containers.RepeatedScalarFieldContainer[int]
    running_requests: int
    waiting_requests: int
    max_running: int
    max_waiting: int
    resident_bytes: float
    ready_at: _timestamp_pb2.Timestamp
    pid: int
    asleep: bool
    gpu_bytes: float
    def __init__(self, id: _Optional[str] = ..., gpus: _Optional[_Iterable[int]] = ..., running_requests: _Optional[int] = ..., waiting_requests: _Optional[int] = ..., max_running: _Optional[int] = ..., max_waiting: _Optional[int] = ..., resident_bytes: _Optional[float] = ..., ready_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pid: _Optional[int] = ..., asleep: bool = ..., gpu_bytes: _Optional[float] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
