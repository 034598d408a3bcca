from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VoicesOutput(_message.Message):
    __slots__ = ("windows", "changes", "heard", "last", "ready", "unknown")
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    windows: _containers.RepeatedCompositeFieldContainer[VoiceWindow]
    changes: _containers.RepeatedCompositeFieldContainer[VoiceChange]
    heard: int
    last: bool
    ready: bool
    unknown: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, windows: _Optional[_Iterable[_Union[VoiceWindow, _Mapping]]] = ..., changes: _Optional[_Iterable[_Union[VoiceChange, _Mapping]]] = ..., heard: _Optional[int] = ..., last: bool = ..., ready: bool = ..., unknown: _Optional[_Iterable[str]] = ...) -> None: ...

class VoiceWindow(_message.Message):
    __slots__ = ("start", "end", "label")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    label: str
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class VoiceChange(_message.Message):
    __slots__ = ("first", "count", "label")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    first: int
    count: int
    label: str
    def __init__(self, first: _Optional[int] = ..., count: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...
