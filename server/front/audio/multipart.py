"""La lecture d'un formulaire multipart à mesure qu'il arrive (RFC 7578), par `python-multipart`.

Le fichier n'est jamais gardé ici, et son nom ne sert jamais de chemin.
"""

import re
from collections.abc import Mapping
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.errors import InvalidRequest

FILE_FIELD = "file"
_MAX_BOUNDARY = 70
_MAX_HEADER_BYTES = 8192
_MAX_NAME = 200


def is_multipart(content_type: str) -> bool:
    """Vrai pour un corps `multipart/form-data`."""
    return content_type.split(";", maxsplit=1)[0].strip().lower() == "multipart/form-data"


class FormReader:
    """Lit un formulaire ; rend les octets de sa partie `file`, garde ses champs de texte."""

    def __init__(
        self,
        content_type: str,
        *,
        max_parts: int,
        max_field_bytes: int,
        long_fields: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """`long_fields` : champs, sous tous les noms d'une liste, qui ont leurs octets et leur nombre."""
        if not is_multipart(content_type):
            raise InvalidRequest(
                "content-type : un formulaire multipart/form-data est attendu.",
                metadata={"field": "content-type", "value": content_type[:_MAX_NAME]},
            )
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not 0 < len(boundary) <= _MAX_BOUNDARY:
            raise InvalidRequest(
                f"content-type : une frontière (boundary) de 1 à {_MAX_BOUNDARY} caractères est attendue.",
                metadata={"field": "content-type", "limit": str(_MAX_BOUNDARY), "value": str(len(boundary))},
            )
        self._max_parts = max_parts
        self._max_field_bytes = max_field_bytes
        self._long_fields = long_fields or {}
        self._long_seen = dict.fromkeys(self._long_fields, 0)
        self._room = max_field_bytes
        self.fields: dict[str, list[str]] = {}
        """Champs de texte, par nom."""
        self.declared = ("", "")
        """Type et nom que la partie `file` annonce."""
        self._parts = 0
        self._seen_file = False
        self._ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[str, bytes] = {}
        self._name = ""
        self._in_file = False
        self._field = bytearray()
        self._pieces: list[bytes] = []
        callbacks: Any = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> list[bytes]:
        """Lit une suite du corps ; rend les octets du fichier qu'elle contient.

        Raises:
            InvalidRequest: formulaire mal formé ou hors limites.
        """
        if self._ended:
            return []
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise InvalidRequest(
                "Le formulaire multipart est mal formé.", metadata={"field": "body", "detail": str(error)[:_MAX_NAME]}
            ) from None
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """Vérifie que le formulaire est entier et porte un fichier."""
        if not self._ended:
            raise InvalidRequest(
                "Le formulaire multipart s'arrête avant sa frontière finale.", metadata={"field": "body"}
            )
        if not self._seen_file:
            raise InvalidRequest(
                "file : champ obligatoire absent ; le fichier audio y est attendu.", metadata={"field": FILE_FIELD}
            )

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise InvalidRequest(
                f"Le formulaire compte plus de {self._max_parts} parties, la limite.",
                metadata={"field": "body", "limit": str(self._max_parts), "value": str(self._parts)},
            )
        self._headers = {}
        self._header.clear()
        self._value.clear()
        self._field.clear()
        self._in_file = False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        size = len(self._header) + len(self._value)
        if size > _MAX_HEADER_BYTES:
            raise InvalidRequest(
                f"Un en-tête de partie dépasse {_MAX_HEADER_BYTES} octets.",
                metadata={"field": "body", "limit": str(_MAX_HEADER_BYTES), "value": str(size)},
            )

    def _on_header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._headers.get("content-disposition", b""))[1]
        self._name = _text(options.get(b"name", b""), "body")
        if not self._name:
            raise InvalidRequest("Une partie du formulaire n'a pas de nom.", metadata={"field": "body"})
        if b"filename" in options and self._name != FILE_FIELD:
            raise InvalidRequest(
                f"{self._name[:_MAX_NAME]} : un fichier n'est attendu que sous le nom « file ».",
                metadata={"field": self._name[:_MAX_NAME]},
            )
        if self._name != FILE_FIELD:
            self._room = self._field_room()
            return
        if self._seen_file:
            raise InvalidRequest("file : un seul fichier par requête.", metadata={"field": FILE_FIELD, "limit": "1"})
        self._seen_file = self._in_file = True
        kind, name = self._headers.get("content-type", b""), options.get(b"filename", b"")
        self.declared = (kind.decode("latin-1"), name.decode("utf-8", "replace"))

    def _field_room(self) -> int:
        """Octets que ce champ peut avoir."""
        base = re.split(r"[\[.]", self._name, maxsplit=1)[0]
        if base not in self._long_fields:
            return self._max_field_bytes
        room, most = self._long_fields[base]
        self._long_seen[base] += 1
        if self._long_seen[base] > most:
            raise InvalidRequest(
                f"{base} : {most} au plus.",
                metadata={"field": base, "limit": str(most), "value": str(self._long_seen[base])},
            )
        return max(room, self._max_field_bytes)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > self._room:
            name = self._name[:_MAX_NAME]
            raise InvalidRequest(
                f"{name} : le champ dépasse {self._room} octets, la limite.",
                metadata={"field": name, "limit": str(self._room), "value": str(len(self._field))},
            )

    def _on_part_end(self) -> None:
        if not self._in_file:
            self.fields.setdefault(self._name, []).append(_text(bytes(self._field), self._name[:_MAX_NAME]))

    def _on_end(self) -> None:
        self._ended = True


def _text(data: bytes, field: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{field} : du texte en UTF-8 est attendu.", metadata={"field": field}) from None


Fields = Mapping[str, list[str]]
"""Champs de texte d'un formulaire."""
