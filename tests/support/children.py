"""Les enfants de ce processus, sauf ceux qu'un autre essai y a laissés vivre (l'ancêtre d'un décodeur, par exemple)."""

import psutil


class NewChildren:
    """Enfants nés depuis."""

    def __init__(self) -> None:
        self._before = set(psutil.Process().children(recursive=True))

    def __call__(self, *, recursive: bool = False) -> list[psutil.Process]:
        """Ceux qui vivent encore."""
        return [child for child in psutil.Process().children(recursive=recursive) if child not in self._before]
