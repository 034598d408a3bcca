"""Du nom d'un moteur dans un profil à sa fabrique.

Un nom simple désigne un adaptateur livré ; `paquet.module:fonction` désigne la fabrique d'un moteur à soi.
"""

import importlib

from server.engines.base import EngineFactory
from server.errors import EngineUnavailable

_ADAPTERS = {
    "llamacpp": "server.engines.llamacpp.engine:create_engine",
    "whisper": "server.engines.whisper.engine:create_engine",
    "vllm": "server.engines.vllm.engine:create_engine",
    "canary": "server.engines.nemo.engine:create_engine",
    "pyannote": "server.engines.pyannote.engine:create_engine",
    "pyannote-camplus": "server.engines.pyannote.camplus:create_engine",
}


def is_available(name: str) -> bool:
    """Dit si un moteur peut être demandé, sans rien importer."""
    return name in _ADAPTERS or ":" in name


def available_engines() -> frozenset[str]:
    """Noms des moteurs livrés."""
    return frozenset(_ADAPTERS)


def engine_factory(name: str) -> EngineFactory:
    """Rend la fabrique d'un moteur.

    Raises:
        EngineUnavailable: aucun adaptateur de ce nom.
    """
    if not is_available(name):
        raise EngineUnavailable(
            f"Le moteur « {name} » n'est pas fourni par cette version de Passerelle "
            f"(moteurs fournis : {', '.join(sorted(_ADAPTERS))}).",
            metadata={"engine": name},
        )
    module, _, attribute = _ADAPTERS.get(name, name).partition(":")
    factory: EngineFactory = getattr(importlib.import_module(module), attribute)
    return factory
