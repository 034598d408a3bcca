from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaseRequest(_message.Message):
    __slots__ = ("life", "sequence", "asks", "returns", "recalled", "held")
    LIFE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    life: str
    sequence: int
    asks: _containers.RepeatedCompositeFieldContainer[LeaseAsk]
    returns: _containers.RepeatedCompositeFieldContainer[LeaseReturn]
    recalled: _containers.RepeatedCompositeFieldContainer[LeaseOf]
    held: _containers.RepeatedCompositeFieldContainer[LeaseReturn]
    def __init__(self, life: _Optional[str] = ..., sequence: _Optional[int] = ..., asks: _Optional[_Iterable[_Union[LeaseAsk, _Mapping]]] = ..., returns: _Optional[_Iterable[_Union[LeaseReturn, _Mapping]]] = ..., recalled: _Optional[_Iterable[_Union[LeaseOf, _Mapping]]] = ..., held: _Optional[_Iterable[_Union[LeaseReturn, _Mapping]]] = ...) -> None: ...

class LeaseOf(_message.Message):
    __slots__ = ("key", "meter")
    KEY_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    key: str
    meter: str
    def __init__(self, key: _Optional[str] = ..., meter: _Optional[str] = ...) -> None: ...

class LeaseAsk(_message.Message):
    __slots__ = ("id", "of", "need", "want", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    NEED_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    id: int
    of: LeaseOf
    need: int
    want: int
    limit: int
    def __init__(self, id: _Optional[int] = ..., of: _Optional[_Union[LeaseOf, _Mapping]] = ..., need: _Optional[int] = ..., want: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class LeaseReturn(_message.Message):
    __slots__ = ("of", "amount", "at")
    OF_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    of: LeaseOf
    amount: int
    at: float
    def __init__(self, of: _Optional[_Union[LeaseOf, _Mapping]] = ..., amount: _Optional[int] = ..., at: _Optional[float] = ...) -> None: ...

class LeaseResponse(_message.Message):
    __slots__ = ("written", "grants", "recalls")
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    RECALLS_FIELD_NUMBER: _ClassVar[int]
    written: int
    grants: _containers.RepeatedCompositeFieldContainer[LeaseGrant]
    recalls: _containers.RepeatedCompositeFieldContainer[LeaseOf]
    def __init__(self, written: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[LeaseGrant, _Mapping]]] = ..., recalls: _Optional[_Iterable[_Union[LeaseOf, _Mapping]]] = ...) -> None: ...

class LeaseGrant(_message.Message):
    __slots__ = ("id", "amount", "at", "used", "retry_seconds", "reset_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    RETRY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RESET_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    amount: int
    at: float
    used: int
    retry_seconds: float
    reset_seconds: float
    def __init__(self, id: _Optional[int] = ..., amount: _Optional[int] = ..., at: _Optional[float] = ..., used: _Optional[int] = ..., retry_seconds: _Optional[float] = ..., reset_seconds: _Optional[float] = ...) -> None: ...
