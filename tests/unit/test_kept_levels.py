"""Le journal d'un exemplaire survit à ce qu'une bibliothèque en fait."""

import logging

import pytest

from server.engines.common.journal import kept_levels


def test_what_a_library_silences_speaks_again() -> None:
    root, handler = logging.getLogger(), logging.NullHandler()
    before = root.level
    root.addHandler(handler)
    try:
        root.setLevel(logging.INFO)
        with pytest.raises(ImportError), kept_levels():
            # Ce que fait `model_hosting_container_standards.configure_root_logger`.
            root.setLevel(logging.ERROR)
            handler.setLevel(logging.ERROR)
            raise ImportError("absent")
        assert (root.level, handler.level) == (logging.INFO, logging.NOTSET)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
