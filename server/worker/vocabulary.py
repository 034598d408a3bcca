"""Les jetons qu'une requête nomme par leurs numéros, face au vocabulaire du modèle que l'exemplaire tient."""

from passerelle.worker.v1 import link_pb2

from server.engines.base import Engine, LexicalEngine
from server.errors import InvalidRequest


def outside(engine: Engine, request: link_pb2.Submit) -> InvalidRequest | None:
    """Refus d'une requête dont un jeton n'est pas du vocabulaire ; rien si tous en sont, ou si on l'ignore."""
    size = engine.vocab_size if isinstance(engine, LexicalEngine) else 0
    if not size or request.largest_token < size:
        return None
    field, token = request.token_field, str(request.largest_token)
    return InvalidRequest(
        f"{field} : le vocabulaire du modèle compte {size} jetons, de 0 à {size - 1} (reçu : {token}).",
        metadata={"field": field, "limit": str(size), "value": token},
    )
