from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SpeakerRevisions(_message.Message):
    __slots__ = ("revisions",)
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    revisions: _containers.RepeatedCompositeFieldContainer[SpeakerRevision]
    def __init__(self, revisions: _Optional[_Iterable[_Union[SpeakerRevision, _Mapping]]] = ...) -> None: ...

class SpeakerRevision(_message.Message):
    __slots__ = ("utterance_index", "first_word", "word_count", "from_label", "to_label")
    UTTERANCE_INDEX_FIELD_NUMBER: _ClassVar[int]
    FIRST_WORD_FIELD_NUMBER: _ClassVar[int]
    WORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_LABEL_FIELD_NUMBER: _ClassVar[int]
    TO_LABEL_FIELD_NUMBER: _ClassVar[int]
    utterance_index: int
    first_word: int
    word_count: int
    from_label: str
    to_label: str
    def __init__(self, utterance_index: _Optional[int] = ..., first_word: _Optional[int] = ..., word_count: _Optional[int] = ..., from_label: _Optional[str] = ..., to_label: _Optional[str] = ...) -> None: ...
