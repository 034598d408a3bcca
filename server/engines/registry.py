"""Du nom d'un moteur dans un profil à sa fabrique.

Un nom simple désigne un adaptateur livré ; `paquet.module:fonction` désigne la fabrique d'un moteur à soi.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from server.engines.base import EngineFactory
from server.engines.llamacpp.options import LlamaCppSettings
from server.engines.nemo.options import NemoSettings
from server.engines.pyannote.options import CamPlusSettings, PyannoteSettings
from server.engines.vllm.options import check_reserved, is_switch
from server.engines.whisper.options import WhisperSettings
from server.tables import choice, read_table

_ADAPTERS = {
    "llamacpp": "server.engines.llamacpp.engine:create_engine",
    "whisper": "server.engines.whisper.engine:create_engine",
    "vllm": "server.engines.vllm.engine:create_engine",
    "canary": "server.engines.nemo.engine:create_engine",
    "pyannote": "server.engines.pyannote.engine:create_engine",
    "pyannote-camplus": "server.engines.pyannote.camplus:create_engine",
}

_SETTINGS: dict[str, type] = {
    "llamacpp": LlamaCppSettings,
    "whisper": WhisperSettings,
    "canary": NemoSettings,
    "pyannote": PyannoteSettings,
    "pyannote-camplus": CamPlusSettings,
}
"""Options de chaque moteur ; vLLM, qui lit lui-même les siennes, n'y est pas."""


def check_options(where: str, engine: str, options: Mapping[str, Any]) -> None:
    """Juge les options d'un moteur livré, sans rien importer de lourd ; de vLLM, seules les réservées.

    Raises:
        FieldRefused: option réservée, inconnue, d'un autre type ou hors bornes.
    """
    if engine == "vllm":
        check_reserved(where, options)
    elif engine in _SETTINGS:
        read_table(where, options, _SETTINGS[engine])


def check_option_names(where: str, engine: str, names: Iterable[str]) -> None:
    """Juge des noms d'options sans leurs valeurs, d'aussi loin que `check_options`.

    Raises:
        FieldRefused: option réservée ou inconnue.
    """
    if engine == "vllm":
        check_reserved(where, dict.fromkeys(names))
    elif engine in _SETTINGS:
        known = tuple(sorted(field.name for field in fields(_SETTINGS[engine])))
        for name in names:
            choice(where, name, known)


def switches(engine: str, names: Iterable[str]) -> tuple[str, ...]:
    """De ces options d'un moteur livré, celles qui sont vraies ou fausses."""
    if engine == "vllm":
        return tuple(name for name in names if is_switch(name))
    hints = get_type_hints(_SETTINGS[engine]) if engine in _SETTINGS else {}
    return tuple(name for name in names if hints.get(name) in (bool, bool | None))


def check_engine(where: str, name: str) -> None:
    """Juge le nom d'un moteur ; la fabrique d'un moteur à soi n'est cherchée qu'au chargement.

    Raises:
        FieldRefused: aucun moteur de ce nom n'est livré.
    """
    if ":" not in name:
        choice(where, name, (*sorted(available_engines()), "paquet.module:fonction"))


def available_engines() -> frozenset[str]:
    """Noms des moteurs livrés."""
    return frozenset(_ADAPTERS)


def engine_factory(name: str) -> EngineFactory:
    """Rend la fabrique d'un moteur, dont `check_engine` admet le nom."""
    module, _, attribute = _ADAPTERS.get(name, name).partition(":")
    factory: EngineFactory = getattr(importlib.import_module(module), attribute)
    return factory
