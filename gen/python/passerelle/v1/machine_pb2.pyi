import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Gpu(_message.Message):
    __slots__ = ("index", "name", "total_bytes", "used_bytes", "utilization_percent", "temperature_celsius", "power_watts", "replicas", "uuid", "free_bytes", "available_bytes", "leases", "foreign_bytes", "processes", "dirty", "dirty_reason", "physical_index", "activity")
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
    PHYSICAL_INDEX_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
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
    physical_index: int
    activity: Activity
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., total_bytes: _Optional[float] = ..., used_bytes: _Optional[float] = ..., utilization_percent: _Optional[float] = ..., temperature_celsius: _Optional[float] = ..., power_watts: _Optional[float] = ..., replicas: _Optional[_Iterable[str]] = ..., uuid: _Optional[str] = ..., free_bytes: _Optional[float] = ..., available_bytes: _Optional[float] = ..., leases: _Optional[_Iterable[_Union[GpuLease, _Mapping]]] = ..., foreign_bytes: _Optional[float] = ..., processes: _Optional[_Iterable[_Union[GpuProcess, _Mapping]]] = ..., dirty: bool = ..., dirty_reason: _Optional[str] = ..., physical_index: _Optional[int] = ..., activity: _Optional[_Union[Activity, _Mapping]] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("running", "waiting", "tokens_per_second", "audio_per_second", "first_p95", "first_count")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    AUDIO_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    FIRST_P95_FIELD_NUMBER: _ClassVar[int]
    FIRST_COUNT_FIELD_NUMBER: _ClassVar[int]
    running: int
    waiting: int
    tokens_per_second: float
    audio_per_second: float
    first_p95: _duration_pb2.Duration
    first_count: int
    def __init__(self, running: _Optional[int] = ..., waiting: _Optional[int] = ..., tokens_per_second: _Optional[float] = ..., audio_per_second: _Optional[float] = ..., first_p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_count: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("cpu_percent", "cpu_count", "memory_total_bytes", "memory_used_bytes", "cache_disk_total_bytes", "cache_disk_free_bytes", "cache_used_bytes", "ready_models", "cached_models", "activity")
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_DISK_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_MODELS_FIELD_NUMBER: _ClassVar[int]
    CACHED_MODELS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    cpu_percent: float
    cpu_count: int
    memory_total_bytes: float
    memory_used_bytes: float
    cache_disk_total_bytes: float
    cache_disk_free_bytes: float
    cache_used_bytes: float
    ready_models: int
    cached_models: int
    activity: Activity
    def __init__(self, cpu_percent: _Optional[float] = ..., cpu_count: _Optional[int] = ..., memory_total_bytes: _Optional[float] = ..., memory_used_bytes: _Optional[float] = ..., cache_disk_total_bytes: _Optional[float] = ..., cache_disk_free_bytes: _Optional[float] = ..., cache_used_bytes: _Optional[float] = ..., ready_models: _Optional[int] = ..., cached_models: _Optional[int] = ..., activity: _Optional[_Union[Activity, _Mapping]] = ...) -> None: ...

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
