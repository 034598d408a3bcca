import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from passerelle.v1 import operation_pb2 as _operation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
    operation: _operation_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ...) -> None: ...

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
    operation: _operation_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ...) -> None: ...

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
    error: _operation_pb2.ErrorDetail
    gpus: _containers.RepeatedCompositeFieldContainer[GpuVerdict]
    evictions: _containers.RepeatedScalarFieldContainer[str]
    replicas: int
    gpus_per_replica: int
    leaving: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, fits: bool = ..., error: _Optional[_Union[_operation_pb2.ErrorDetail, _Mapping]] = ..., gpus: _Optional[_Iterable[_Union[GpuVerdict, _Mapping]]] = ..., evictions: _Optional[_Iterable[str]] = ..., replicas: _Optional[int] = ..., gpus_per_replica: _Optional[int] = ..., leaving: _Optional[_Iterable[str]] = ...) -> None: ...

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
    operation: _operation_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ...) -> None: ...

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
    operation: _operation_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ...) -> None: ...

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
    operation: _operation_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operation_pb2.Operation, _Mapping]] = ...) -> None: ...

class RemoveWeightsRequest(_message.Message):
    __slots__ = ("model", "old_only", "dry_run")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OLD_ONLY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    model: str
    old_only: bool
    dry_run: bool
    def __init__(self, model: _Optional[str] = ..., old_only: bool = ..., dry_run: bool = ...) -> None: ...

class RemoveWeightsResponse(_message.Message):
    __slots__ = ("revisions", "freed_bytes")
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    revisions: _containers.RepeatedCompositeFieldContainer[RemovedRevision]
    freed_bytes: float
    def __init__(self, revisions: _Optional[_Iterable[_Union[RemovedRevision, _Mapping]]] = ..., freed_bytes: _Optional[float] = ...) -> None: ...

class RemovedRevision(_message.Message):
    __slots__ = ("revision", "freed_bytes", "current")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    revision: str
    freed_bytes: float
    current: bool
    def __init__(self, revision: _Optional[str] = ..., freed_bytes: _Optional[float] = ..., current: bool = ...) -> None: ...
