from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_KIND_UNSPECIFIED: _ClassVar[RequestKind]
    REQUEST_KIND_CHAT: _ClassVar[RequestKind]
    REQUEST_KIND_COMPLETION: _ClassVar[RequestKind]
    REQUEST_KIND_TRANSCRIBE: _ClassVar[RequestKind]
    REQUEST_KIND_LIVE: _ClassVar[RequestKind]
    REQUEST_KIND_DIARIZE: _ClassVar[RequestKind]
    REQUEST_KIND_TOKENIZE: _ClassVar[RequestKind]
    REQUEST_KIND_DETOKENIZE: _ClassVar[RequestKind]
    REQUEST_KIND_VOICES: _ClassVar[RequestKind]
REQUEST_KIND_UNSPECIFIED: RequestKind
REQUEST_KIND_CHAT: RequestKind
REQUEST_KIND_COMPLETION: RequestKind
REQUEST_KIND_TRANSCRIBE: RequestKind
REQUEST_KIND_LIVE: RequestKind
REQUEST_KIND_DIARIZE: RequestKind
REQUEST_KIND_TOKENIZE: RequestKind
REQUEST_KIND_DETOKENIZE: RequestKind
REQUEST_KIND_VOICES: RequestKind

class Frame(_message.Message):
    __slots__ = ("hello", "submit", "input", "cancel", "output", "failure", "credit", "goodbye", "load", "sleep", "wake", "parting", "measure")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    SUBMIT_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SLEEP_FIELD_NUMBER: _ClassVar[int]
    WAKE_FIELD_NUMBER: _ClassVar[int]
    PARTING_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    submit: Submit
    input: InputChunk
    cancel: Cancel
    output: StepOutput
    failure: Failure
    credit: Credit
    goodbye: Goodbye
    load: Load
    sleep: Sleep
    wake: Wake
    parting: Parting
    measure: Measure
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., submit: _Optional[_Union[Submit, _Mapping]] = ..., input: _Optional[_Union[InputChunk, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., output: _Optional[_Union[StepOutput, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., sleep: _Optional[_Union[Sleep, _Mapping]] = ..., wake: _Optional[_Union[Wake, _Mapping]] = ..., parting: _Optional[_Union[Parting, _Mapping]] = ..., measure: _Optional[_Union[Measure, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version", "name", "max_frame_bytes", "load")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    version: int
    name: str
    max_frame_bytes: int
    load: Load
    def __init__(self, version: _Optional[int] = ..., name: _Optional[str] = ..., max_frame_bytes: _Optional[int] = ..., load: _Optional[_Union[Load, _Mapping]] = ...) -> None: ...

class Submit(_message.Message):
    __slots__ = ("id", "kind", "payload", "stream", "request_id", "spool_name", "timeout_seconds", "caller", "weight", "parts", "largest_token", "token_field", "traceparent", "tracestate", "clip_names")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPOOL_NAME_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    LARGEST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    CLIP_NAMES_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: RequestKind
    payload: bytes
    stream: bool
    request_id: str
    spool_name: str
    timeout_seconds: float
    caller: str
    weight: int
    parts: int
    largest_token: int
    token_field: str
    traceparent: str
    tracestate: str
    clip_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[_Union[RequestKind, str]] = ..., payload: _Optional[bytes] = ..., stream: bool = ..., request_id: _Optional[str] = ..., spool_name: _Optional[str] = ..., timeout_seconds: _Optional[float] = ..., caller: _Optional[str] = ..., weight: _Optional[int] = ..., parts: _Optional[int] = ..., largest_token: _Optional[int] = ..., token_field: _Optional[str] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ..., clip_names: _Optional[_Iterable[str]] = ...) -> None: ...

class InputChunk(_message.Message):
    __slots__ = ("id", "data", "last")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    id: int
    data: bytes
    last: bool
    def __init__(self, id: _Optional[int] = ..., data: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("id", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    bytes: int
    def __init__(self, id: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class StepOutput(_message.Message):
    __slots__ = ("ids", "data", "done", "load", "entered", "waited")
    IDS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    ENTERED_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    done: _containers.RepeatedScalarFieldContainer[bool]
    load: Load
    entered: _containers.RepeatedScalarFieldContainer[int]
    waited: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., data: _Optional[_Iterable[bytes]] = ..., done: _Optional[_Iterable[bool]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., entered: _Optional[_Iterable[int]] = ..., waited: _Optional[_Iterable[float]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("id", "reason", "message", "metadata", "retry_after_seconds")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    reason: str
    message: str
    metadata: _containers.ScalarMap[str, str]
    retry_after_seconds: float
    def __init__(self, id: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., retry_after_seconds: _Optional[float] = ...) -> None: ...

class Load(_message.Message):
    __slots__ = ("running", "waiting", "max_running", "max_waiting", "steps", "asleep")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNNING_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ASLEEP_FIELD_NUMBER: _ClassVar[int]
    running: int
    waiting: int
    max_running: int
    max_waiting: int
    steps: int
    asleep: bool
    def __init__(self, running: _Optional[int] = ..., waiting: _Optional[int] = ..., max_running: _Optional[int] = ..., max_waiting: _Optional[int] = ..., steps: _Optional[int] = ..., asleep: bool = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Sleep(_message.Message):
    __slots__ = ("id", "level", "grace_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    level: int
    grace_seconds: float
    def __init__(self, id: _Optional[int] = ..., level: _Optional[int] = ..., grace_seconds: _Optional[float] = ...) -> None: ...

class Wake(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Parting(_message.Message):
    __slots__ = ("id", "failure", "now")
    ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    id: int
    failure: Failure
    now: bool
    def __init__(self, id: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., now: bool = ...) -> None: ...
