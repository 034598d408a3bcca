import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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

class OperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_KIND_UNSPECIFIED: _ClassVar[OperationKind]
    OPERATION_KIND_DOWNLOAD: _ClassVar[OperationKind]
    OPERATION_KIND_LOAD: _ClassVar[OperationKind]
    OPERATION_KIND_UNLOAD: _ClassVar[OperationKind]
    OPERATION_KIND_RESTART: _ClassVar[OperationKind]
    OPERATION_KIND_SLEEP: _ClassVar[OperationKind]
    OPERATION_KIND_WAKE: _ClassVar[OperationKind]

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATE_UNSPECIFIED: _ClassVar[OperationState]
    OPERATION_STATE_RUNNING: _ClassVar[OperationState]
    OPERATION_STATE_SUCCEEDED: _ClassVar[OperationState]
    OPERATION_STATE_FAILED: _ClassVar[OperationState]
    OPERATION_STATE_CANCELLED: _ClassVar[OperationState]

class EndpointGroup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENDPOINT_GROUP_UNSPECIFIED: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_DASHBOARD: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_OPENAI: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_AUDIO: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_GRPC: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_GRPC_WEB: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_PROBES: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_ADMIN: _ClassVar[EndpointGroup]
    ENDPOINT_GROUP_WEB_SOCKET: _ClassVar[EndpointGroup]

class KeyScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_SCOPE_UNSPECIFIED: _ClassVar[KeyScope]
    KEY_SCOPE_NONE: _ClassVar[KeyScope]
    KEY_SCOPE_INFERENCE: _ClassVar[KeyScope]
    KEY_SCOPE_ADMIN: _ClassVar[KeyScope]
    KEY_SCOPE_LOCAL_OR_ADMIN: _ClassVar[KeyScope]
    KEY_SCOPE_ADMIN_TO_CHANGE: _ClassVar[KeyScope]
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
OPERATION_KIND_UNSPECIFIED: OperationKind
OPERATION_KIND_DOWNLOAD: OperationKind
OPERATION_KIND_LOAD: OperationKind
OPERATION_KIND_UNLOAD: OperationKind
OPERATION_KIND_RESTART: OperationKind
OPERATION_KIND_SLEEP: OperationKind
OPERATION_KIND_WAKE: OperationKind
OPERATION_STATE_UNSPECIFIED: OperationState
OPERATION_STATE_RUNNING: OperationState
OPERATION_STATE_SUCCEEDED: OperationState
OPERATION_STATE_FAILED: OperationState
OPERATION_STATE_CANCELLED: OperationState
ENDPOINT_GROUP_UNSPECIFIED: EndpointGroup
ENDPOINT_GROUP_DASHBOARD: EndpointGroup
ENDPOINT_GROUP_OPENAI: EndpointGroup
ENDPOINT_GROUP_AUDIO: EndpointGroup
ENDPOINT_GROUP_GRPC: EndpointGroup
ENDPOINT_GROUP_GRPC_WEB: EndpointGroup
ENDPOINT_GROUP_PROBES: EndpointGroup
ENDPOINT_GROUP_ADMIN: EndpointGroup
ENDPOINT_GROUP_WEB_SOCKET: EndpointGroup
KEY_SCOPE_UNSPECIFIED: KeyScope
KEY_SCOPE_NONE: KeyScope
KEY_SCOPE_INFERENCE: KeyScope
KEY_SCOPE_ADMIN: KeyScope
KEY_SCOPE_LOCAL_OR_ADMIN: KeyScope
KEY_SCOPE_ADMIN_TO_CHANGE: KeyScope

class CheckReadinessRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ("reason", "message", "occurred_at")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OperationProgress(_message.Message):
    __slots__ = ("phase", "completed_bytes", "total_bytes", "bytes_per_second", "remaining", "files", "commit")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    phase: str
    completed_bytes: float
    total_bytes: float
    bytes_per_second: float
    remaining: _duration_pb2.Duration
    files: _containers.RepeatedCompositeFieldContainer[FileProgress]
    commit: str
    def __init__(self, phase: _Optional[str] = ..., completed_bytes: _Optional[float] = ..., total_bytes: _Optional[float] = ..., bytes_per_second: _Optional[float] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., files: _Optional[_Iterable[_Union[FileProgress, _Mapping]]] = ..., commit: _Optional[str] = ...) -> None: ...

class FileProgress(_message.Message):
    __slots__ = ("name", "completed_bytes", "total_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    completed_bytes: float
    total_bytes: float
    def __init__(self, name: _Optional[str] = ..., completed_bytes: _Optional[float] = ..., total_bytes: _Optional[float] = ...) -> None: ...

class PhaseDuration(_message.Message):
    __slots__ = ("phase", "duration")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    phase: str
    duration: _duration_pb2.Duration
    def __init__(self, phase: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("id", "kind", "model", "state", "progress", "error", "started_at", "finished_at", "freed_bytes", "elapsed", "phases")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: OperationKind
    model: str
    state: OperationState
    progress: OperationProgress
    error: ErrorDetail
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    freed_bytes: float
    elapsed: _duration_pb2.Duration
    phases: _containers.RepeatedCompositeFieldContainer[PhaseDuration]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., model: _Optional[str] = ..., state: _Optional[_Union[OperationState, str]] = ..., progress: _Optional[_Union[OperationProgress, _Mapping]] = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., freed_bytes: _Optional[float] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., phases: _Optional[_Iterable[_Union[PhaseDuration, _Mapping]]] = ...) -> None: ...

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

class Model(_message.Message):
    __slots__ = ("key", "aliases", "display_name", "capability", "engine", "source", "state", "artifacts_cached", "cached_bytes", "total_bytes", "replicas", "selected_gpus", "operation", "last_error", "notice", "languages", "demonstration", "pinned", "idle_unload", "last_used_at", "state_since", "selected_replicas", "gpus_per_replica", "options", "load_options", "memory", "load_option_defaults")
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
    operation: Operation
    last_error: ErrorDetail
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
    def __init__(self, key: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., display_name: _Optional[str] = ..., capability: _Optional[_Union[Capability, str]] = ..., engine: _Optional[str] = ..., source: _Optional[_Union[ModelSource, _Mapping]] = ..., state: _Optional[_Union[ModelState, str]] = ..., artifacts_cached: bool = ..., cached_bytes: _Optional[float] = ..., total_bytes: _Optional[float] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., selected_gpus: _Optional[_Iterable[int]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., last_error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., notice: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., demonstration: bool = ..., pinned: bool = ..., idle_unload: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., selected_replicas: _Optional[int] = ..., gpus_per_replica: _Optional[int] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., load_options: _Optional[_Iterable[str]] = ..., memory: _Optional[_Union[MemoryEstimate, _Mapping]] = ..., load_option_defaults: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

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

class Gpu(_message.Message):
    __slots__ = ("index", "name", "total_bytes", "used_bytes", "utilization_percent", "temperature_celsius", "power_watts", "replicas", "uuid", "free_bytes", "available_bytes", "leases", "foreign_bytes", "processes", "dirty", "dirty_reason")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_PERCENT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
    POWER_WATTS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    FOREIGN_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    DIRTY_FIELD_NUMBER: _ClassVar[int]
    DIRTY_REASON_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    total_bytes: float
    used_bytes: float
    utilization_percent: float
    temperature_celsius: float
    power_watts: float
    replicas: _containers.RepeatedScalarFieldContainer[str]
    uuid: str
    free_bytes: float
    available_bytes: float
    leases: _containers.RepeatedCompositeFieldContainer[GpuLease]
    foreign_bytes: float
    processes: _containers.RepeatedCompositeFieldContainer[GpuProcess]
    dirty: bool
    dirty_reason: str
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., total_bytes: _Optional[float] = ..., used_bytes: _Optional[float] = ..., utilization_percent: _Optional[float] = ..., temperature_celsius: _Optional[float] = ..., power_watts: _Optional[float] = ..., replicas: _Optional[_Iterable[str]] = ..., uuid: _Optional[str] = ..., free_bytes: _Optional[float] = ..., available_bytes: _Optional[float] = ..., leases: _Optional[_Iterable[_Union[GpuLease, _Mapping]]] = ..., foreign_bytes: _Optional[float] = ..., processes: _Optional[_Iterable[_Union[GpuProcess, _Mapping]]] = ..., dirty: bool = ..., dirty_reason: _Optional[str] = ...) -> None: ...

class GpuLease(_message.Message):
    __slots__ = ("replica", "reserved_bytes", "exclusive")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    replica: str
    reserved_bytes: float
    exclusive: bool
    def __init__(self, replica: _Optional[str] = ..., reserved_bytes: _Optional[float] = ..., exclusive: bool = ...) -> None: ...

class GpuProcess(_message.Message):
    __slots__ = ("pid", "used_bytes", "replica")
    PID_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    pid: int
    used_bytes: float
    replica: str
    def __init__(self, pid: _Optional[int] = ..., used_bytes: _Optional[float] = ..., replica: _Optional[str] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("cpu_percent", "cpu_count", "memory_total_bytes", "memory_used_bytes", "cache_disk_total_bytes", "cache_disk_free_bytes", "cache_used_bytes", "ready_models", "cached_models")
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_DISK_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_MODELS_FIELD_NUMBER: _ClassVar[int]
    CACHED_MODELS_FIELD_NUMBER: _ClassVar[int]
    cpu_percent: float
    cpu_count: int
    memory_total_bytes: float
    memory_used_bytes: float
    cache_disk_total_bytes: float
    cache_disk_free_bytes: float
    cache_used_bytes: float
    ready_models: int
    cached_models: int
    def __init__(self, cpu_percent: _Optional[float] = ..., cpu_count: _Optional[int] = ..., memory_total_bytes: _Optional[float] = ..., memory_used_bytes: _Optional[float] = ..., cache_disk_total_bytes: _Optional[float] = ..., cache_disk_free_bytes: _Optional[float] = ..., cache_used_bytes: _Optional[float] = ..., ready_models: _Optional[int] = ..., cached_models: _Optional[int] = ...) -> None: ...

class ServerProcess(_message.Message):
    __slots__ = ("name", "pid", "restarts", "broken")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    restarts: int
    broken: bool
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ..., restarts: _Optional[int] = ..., broken: bool = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("observed_at", "profile", "profile_notice", "version", "models", "gpus", "host", "api_key_required", "admin_key_required", "processes", "started_at")
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
    observed_at: _timestamp_pb2.Timestamp
    profile: str
    profile_notice: str
    version: str
    models: _containers.RepeatedCompositeFieldContainer[Model]
    gpus: _containers.RepeatedCompositeFieldContainer[Gpu]
    host: Host
    api_key_required: bool
    admin_key_required: bool
    processes: _containers.RepeatedCompositeFieldContainer[ServerProcess]
    started_at: _timestamp_pb2.Timestamp
    def __init__(self, observed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., profile: _Optional[str] = ..., profile_notice: _Optional[str] = ..., version: _Optional[str] = ..., models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., gpus: _Optional[_Iterable[_Union[Gpu, _Mapping]]] = ..., host: _Optional[_Union[Host, _Mapping]] = ..., api_key_required: bool = ..., admin_key_required: bool = ..., processes: _Optional[_Iterable[_Union[ServerProcess, _Mapping]]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("profile", "version", "limits", "models", "endpoints")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    profile: str
    version: str
    limits: Limits
    models: _containers.RepeatedCompositeFieldContainer[ModelCapabilities]
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    def __init__(self, profile: _Optional[str] = ..., version: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., models: _Optional[_Iterable[_Union[ModelCapabilities, _Mapping]]] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("chat", "audio", "max_json_body_bytes", "load_wait", "max_stream_duration", "max_replicas", "max_idle_unload", "stop_grace")
    CHAT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MAX_JSON_BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOAD_WAIT_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    MAX_IDLE_UNLOAD_FIELD_NUMBER: _ClassVar[int]
    STOP_GRACE_FIELD_NUMBER: _ClassVar[int]
    chat: ChatLimits
    audio: AudioLimits
    max_json_body_bytes: float
    load_wait: _duration_pb2.Duration
    max_stream_duration: _duration_pb2.Duration
    max_replicas: int
    max_idle_unload: _duration_pb2.Duration
    stop_grace: _duration_pb2.Duration
    def __init__(self, chat: _Optional[_Union[ChatLimits, _Mapping]] = ..., audio: _Optional[_Union[AudioLimits, _Mapping]] = ..., max_json_body_bytes: _Optional[float] = ..., load_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_stream_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_replicas: _Optional[int] = ..., max_idle_unload: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stop_grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ChatLimits(_message.Message):
    __slots__ = ("max_messages", "max_tokens", "max_n", "max_stop", "max_top_logprobs", "max_images")
    MAX_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_N_FIELD_NUMBER: _ClassVar[int]
    MAX_STOP_FIELD_NUMBER: _ClassVar[int]
    MAX_TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGES_FIELD_NUMBER: _ClassVar[int]
    max_messages: int
    max_tokens: int
    max_n: int
    max_stop: int
    max_top_logprobs: int
    max_images: int
    def __init__(self, max_messages: _Optional[int] = ..., max_tokens: _Optional[int] = ..., max_n: _Optional[int] = ..., max_stop: _Optional[int] = ..., max_top_logprobs: _Optional[int] = ..., max_images: _Optional[int] = ...) -> None: ...

class AudioLimits(_message.Message):
    __slots__ = ("max_upload_bytes", "max_message_bytes", "max_duration", "min_sample_rate_hertz", "max_sample_rate_hertz", "max_channels", "max_stream_silence", "max_decoded_bytes", "max_speakers", "max_prompt_characters", "max_live_streams", "endpoint_silence", "min_endpoint_silence", "max_endpoint_silence", "utterance", "min_utterance", "max_utterance", "max_web_sockets", "max_web_socket_message_bytes")
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
    def __init__(self, max_upload_bytes: _Optional[float] = ..., max_message_bytes: _Optional[float] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_sample_rate_hertz: _Optional[int] = ..., max_sample_rate_hertz: _Optional[int] = ..., max_channels: _Optional[int] = ..., max_stream_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_decoded_bytes: _Optional[float] = ..., max_speakers: _Optional[int] = ..., max_prompt_characters: _Optional[int] = ..., max_live_streams: _Optional[int] = ..., endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_endpoint_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_utterance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_web_sockets: _Optional[int] = ..., max_web_socket_message_bytes: _Optional[int] = ...) -> None: ...

class ModelCapabilities(_message.Message):
    __slots__ = ("key", "aliases", "capability", "features", "languages", "context_tokens")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    key: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    capability: Capability
    features: _containers.RepeatedScalarFieldContainer[str]
    languages: _containers.RepeatedScalarFieldContainer[str]
    context_tokens: int
    def __init__(self, key: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., capability: _Optional[_Union[Capability, str]] = ..., features: _Optional[_Iterable[str]] = ..., languages: _Optional[_Iterable[str]] = ..., context_tokens: _Optional[int] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("name", "method", "host", "port", "path", "url", "group", "key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: str
    host: str
    port: int
    path: str
    url: str
    group: EndpointGroup
    key: KeyScope
    def __init__(self, name: _Optional[str] = ..., method: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., path: _Optional[str] = ..., url: _Optional[str] = ..., group: _Optional[_Union[EndpointGroup, str]] = ..., key: _Optional[_Union[KeyScope, str]] = ...) -> None: ...

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

class DownloadModelRequest(_message.Message):
    __slots__ = ("model", "wait")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    wait: bool
    def __init__(self, model: _Optional[str] = ..., wait: bool = ...) -> None: ...

class DownloadModelResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("model", "gpus", "wait", "replicas", "options", "pinned", "idle_unload", "make_room")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    IDLE_UNLOAD_FIELD_NUMBER: _ClassVar[int]
    MAKE_ROOM_FIELD_NUMBER: _ClassVar[int]
    model: str
    gpus: _containers.RepeatedScalarFieldContainer[int]
    wait: bool
    replicas: int
    options: _struct_pb2.Struct
    pinned: bool
    idle_unload: _duration_pb2.Duration
    make_room: bool
    def __init__(self, model: _Optional[str] = ..., gpus: _Optional[_Iterable[int]] = ..., wait: bool = ..., replicas: _Optional[int] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., pinned: bool = ..., idle_unload: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., make_room: bool = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class CheckLoadRequest(_message.Message):
    __slots__ = ("model", "gpus", "replicas", "options")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    gpus: _containers.RepeatedScalarFieldContainer[int]
    replicas: int
    options: _struct_pb2.Struct
    def __init__(self, model: _Optional[str] = ..., gpus: _Optional[_Iterable[int]] = ..., replicas: _Optional[int] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class CheckLoadResponse(_message.Message):
    __slots__ = ("fits", "error", "gpus", "evictions", "replicas", "gpus_per_replica", "leaving")
    FITS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    EVICTIONS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GPUS_PER_REPLICA_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    fits: bool
    error: ErrorDetail
    gpus: _containers.RepeatedCompositeFieldContainer[GpuVerdict]
    evictions: _containers.RepeatedScalarFieldContainer[str]
    replicas: int
    gpus_per_replica: int
    leaving: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, fits: bool = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., gpus: _Optional[_Iterable[_Union[GpuVerdict, _Mapping]]] = ..., evictions: _Optional[_Iterable[str]] = ..., replicas: _Optional[int] = ..., gpus_per_replica: _Optional[int] = ..., leaving: _Optional[_Iterable[str]] = ...) -> None: ...

class GpuVerdict(_message.Message):
    __slots__ = ("index", "replica", "fits", "reason", "total_bytes", "free_bytes", "available_bytes", "needed_bytes", "weights_bytes", "working_bytes", "reserve_bytes", "holders")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NEEDED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORKING_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    index: int
    replica: str
    fits: bool
    reason: str
    total_bytes: float
    free_bytes: float
    available_bytes: float
    needed_bytes: float
    weights_bytes: float
    working_bytes: float
    reserve_bytes: float
    holders: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, index: _Optional[int] = ..., replica: _Optional[str] = ..., fits: bool = ..., reason: _Optional[str] = ..., total_bytes: _Optional[float] = ..., free_bytes: _Optional[float] = ..., available_bytes: _Optional[float] = ..., needed_bytes: _Optional[float] = ..., weights_bytes: _Optional[float] = ..., working_bytes: _Optional[float] = ..., reserve_bytes: _Optional[float] = ..., holders: _Optional[_Iterable[str]] = ...) -> None: ...

class SleepModelRequest(_message.Message):
    __slots__ = ("model", "wait", "level")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    wait: bool
    level: int
    def __init__(self, model: _Optional[str] = ..., wait: bool = ..., level: _Optional[int] = ...) -> None: ...

class SleepModelResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class WakeModelRequest(_message.Message):
    __slots__ = ("model", "wait")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    wait: bool
    def __init__(self, model: _Optional[str] = ..., wait: bool = ...) -> None: ...

class WakeModelResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class UnloadModelRequest(_message.Message):
    __slots__ = ("model", "wait", "force", "only_if_idle")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ONLY_IF_IDLE_FIELD_NUMBER: _ClassVar[int]
    model: str
    wait: bool
    force: bool
    only_if_idle: bool
    def __init__(self, model: _Optional[str] = ..., wait: bool = ..., force: bool = ..., only_if_idle: bool = ...) -> None: ...

class UnloadModelResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class CancelOperationRequest(_message.Message):
    __slots__ = ("operation_id",)
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class CancelOperationResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "model", "kinds", "states")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    model: str
    kinds: _containers.RepeatedScalarFieldContainer[OperationKind]
    states: _containers.RepeatedScalarFieldContainer[OperationState]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., model: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[OperationKind, str]]] = ..., states: _Optional[_Iterable[_Union[OperationState, str]]] = ...) -> None: ...

class ListOperationsResponse(_message.Message):
    __slots__ = ("operations", "next_page_token")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    next_page_token: str
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

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
