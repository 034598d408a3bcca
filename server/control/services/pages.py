"""Les pages d'une liste : leur taille, et le jeton de la suivante."""

from server.errors import InvalidRequest


def page_size(asked: int, default: int, maximum: int) -> int:
    """Taille d'une page ; 0 vaut celle par défaut.

    Raises:
        InvalidRequest: trop grande.
    """
    if asked > maximum:
        raise out_of_range("page_size", str(asked), f"de 1 à {maximum}")
    return asked or default


def page_token(token: str) -> int:
    """Place que dit un jeton ; 0 sans jeton.

    Raises:
        InvalidRequest: jeton d'ailleurs.
    """
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidRequest(
            "page_token : ce jeton n'est pas celui d'une page précédente.",
            metadata={"field": "page_token", "value": token},
        )
    return int(token)


def out_of_range(field: str, value: str, limit: str) -> InvalidRequest:
    """Refus d'une valeur hors de ses limites."""
    return InvalidRequest(
        f"{field} : {value} est hors des limites ({limit}).", metadata={"field": field, "limit": limit, "value": value}
    )
