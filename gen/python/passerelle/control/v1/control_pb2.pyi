import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from passerelle.v1 import model_pb2 as _model_pb2
from passerelle.v1 import requests_pb2 as _requests_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportRequest(_message.Message):
    __slots__ = ("front", "life", "sequence", "ended", "running", "lost", "tokens")
    class TokensEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FRONT_FIELD_NUMBER: _ClassVar[int]
    LIFE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    front: str
    life: str
    sequence: int
    ended: _containers.RepeatedCompositeFieldContainer[_requests_pb2.Request]
    running: _containers.RepeatedCompositeFieldContainer[_requests_pb2.Request]
    lost: int
    tokens: _containers.ScalarMap[str, int]
    def __init__(self, front: _Optional[str] = ..., life: _Optional[str] = ..., sequence: _Optional[int] = ..., ended: _Optional[_Iterable[_Union[_requests_pb2.Request, _Mapping]]] = ..., running: _Optional[_Iterable[_Union[_requests_pb2.Request, _Mapping]]] = ..., lost: _Optional[int] = ..., tokens: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("written", "cancel")
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    written: int
    cancel: str
    def __init__(self, written: _Optional[int] = ..., cancel: _Optional[str] = ...) -> None: ...

class WatchRoutesRequest(_message.Message):
    __slots__ = ("front",)
    FRONT_FIELD_NUMBER: _ClassVar[int]
    front: str
    def __init__(self, front: _Optional[str] = ...) -> None: ...

class WatchRoutesResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelRoute]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelRoute, _Mapping]]] = ...) -> None: ...

class ModelRoute(_message.Message):
    __slots__ = ("key", "aliases", "capability", "state", "workers", "created_seconds", "owned_by", "features", "context_tokens", "load_wait", "engine")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OWNED_BY_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOAD_WAIT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    key: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    capability: _model_pb2.Capability
    state: _model_pb2.ModelState
    workers: _containers.RepeatedCompositeFieldContainer[WorkerRoute]
    created_seconds: float
    owned_by: str
    features: _containers.RepeatedScalarFieldContainer[str]
    context_tokens: int
    load_wait: _duration_pb2.Duration
    engine: str
    def __init__(self, key: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., capability: _Optional[_Union[_model_pb2.Capability, str]] = ..., state: _Optional[_Union[_model_pb2.ModelState, str]] = ..., workers: _Optional[_Iterable[_Union[WorkerRoute, _Mapping]]] = ..., created_seconds: _Optional[float] = ..., owned_by: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., context_tokens: _Optional[int] = ..., load_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., engine: _Optional[str] = ...) -> None: ...

class WorkerRoute(_message.Message):
    __slots__ = ("id", "socket")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    id: str
    socket: str
    def __init__(self, id: _Optional[str] = ..., socket: _Optional[str] = ...) -> None: ...

class EnsureLoadedRequest(_message.Message):
    __slots__ = ("model", "timeout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    timeout: _duration_pb2.Duration
    def __init__(self, model: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class EnsureLoadedResponse(_message.Message):
    __slots__ = ("route",)
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    route: ModelRoute
    def __init__(self, route: _Optional[_Union[ModelRoute, _Mapping]] = ...) -> None: ...
