"""Le JSON qu'un `Struct` porte."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from server.errors import InvalidRequest


def plain(struct: Struct, path: str) -> dict[str, Any]:
    """Objet JSON d'un `Struct`, où les nombres entiers redeviennent des entiers.

    Raises:
        InvalidRequest: NaN ou un infini, que JSON ne sait pas écrire.
    """
    try:
        found = MessageToDict(struct)
    except ValueError:
        raise InvalidRequest(
            f"{path} : un nombre fini est attendu, ni NaN ni infini.", metadata={"field": path}
        ) from None
    return {name: _integral(value) for name, value in found.items()}


def _integral(value: Any) -> Any:
    # Au-delà de 64 bits, un nombre reste à virgule : aucun lecteur de JSON n'en attend un entier.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, dict):
        return {name: _integral(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_integral(child) for child in value]
    return value
