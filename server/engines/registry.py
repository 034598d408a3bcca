"""Du nom d'un moteur dans un profil à sa fabrique."""

import importlib

from server.engines.base import EngineFactory
from server.errors import EngineUnavailable

_ADAPTERS = {
    "llamacpp": "server.engines.llamacpp",
}


def engine_factory(name: str) -> EngineFactory:
    """Rend la fabrique `create_engine` de l'adaptateur nommé.

    Raises:
        EngineUnavailable: aucun adaptateur de ce nom.
    """
    module = _ADAPTERS.get(name)
    if module is None:
        raise EngineUnavailable(
            f"Le moteur « {name} » n'est pas fourni par cette version de Passerelle "
            f"(moteurs fournis : {', '.join(sorted(_ADAPTERS))}).",
            metadata={"engine": name},
        )
    factory: EngineFactory = importlib.import_module(module).create_engine
    return factory


def available_engines() -> frozenset[str]:
    """Noms des moteurs fournis."""
    return frozenset(_ADAPTERS)
