from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_PUBLIC: _ClassVar[Scope]
    SCOPE_STATUS: _ClassVar[Scope]
    SCOPE_CHAT: _ClassVar[Scope]
    SCOPE_TRANSCRIBE: _ClassVar[Scope]
    SCOPE_DIARIZE: _ClassVar[Scope]
    SCOPE_MODELS: _ClassVar[Scope]
    SCOPE_ADMIN: _ClassVar[Scope]
    SCOPE_METRICS: _ClassVar[Scope]
    SCOPE_KEYS: _ClassVar[Scope]

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
SCOPE_UNSPECIFIED: Scope
SCOPE_PUBLIC: Scope
SCOPE_STATUS: Scope
SCOPE_CHAT: Scope
SCOPE_TRANSCRIBE: Scope
SCOPE_DIARIZE: Scope
SCOPE_MODELS: Scope
SCOPE_ADMIN: Scope
SCOPE_METRICS: Scope
SCOPE_KEYS: Scope
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
ROUTE_FIELD_NUMBER: _ClassVar[int]
route: _descriptor.FieldDescriptor
LABEL_FIELD_NUMBER: _ClassVar[int]
label: _descriptor.FieldDescriptor

class RouteOptions(_message.Message):
    __slots__ = ("scope", "group", "label", "read_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    group: EndpointGroup
    label: str
    read_only: bool
    def __init__(self, scope: _Optional[_Union[Scope, str]] = ..., group: _Optional[_Union[EndpointGroup, str]] = ..., label: _Optional[str] = ..., read_only: bool = ...) -> None: ...

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
