"""Le fichier des modèles ajoutés, tel que la ligne de commande le change : un seul à la fois, d'un seul geste.

Ce qu'une main y a écrit, commentaires compris, y reste.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from filelock import FileLock
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from server.settings.profile import read_toml
from server.tables import ConfigError, refusal


class Draft:
    """Un contenu à venir ; il se juge ensuite comme tout profil (`Layers.with_overlay`)."""

    def __init__(self, where: str, content: bytes) -> None:
        """Lit le contenu présent, sans juger les champs des modèles : celui qui est refusé doit pouvoir être retiré.

        Raises:
            ConfigError: ce n'est pas du TOML, ou pas une liste de tables.
        """
        found = read_toml(where, content)
        models, removed = found.get("models", []), found.get("removed", [])
        if not isinstance(models, list) or not all(isinstance(one, dict) for one in models):
            raise refusal(f"{where}.models", "une liste de tables", models)
        if not isinstance(removed, list):
            raise refusal(f"{where}.removed", "une liste de textes", removed)
        try:
            self._document = tomlkit.parse(content.decode("utf-8"))
        except TOMLKitError as error:
            raise ConfigError(f"{where} : TOML illisible ({error}).") from error
        self.removed: list[Any] = list(removed)
        if not isinstance(self._document.get("models"), AoT):
            self._document.pop("models", None)
            self._document["models"] = tomlkit.aot()
            for model in models:
                self.put(model)

    @property
    def keys(self) -> list[Any]:
        """Clés des modèles ajoutés."""
        return [model.get("key") for model in self._models]

    def render(self) -> bytes:
        """Le fichier entier, une fois changé ; vide s'il n'ajoute ni ne retire plus rien."""
        for name, value in (("models", self._models), ("removed", self.removed)):
            if not value:
                self._document.pop(name, None)
        if self.removed:
            self._document["removed"] = self.removed
        text = tomlkit.dumps(self._document)
        return text.encode() if text.strip() else b""

    def put(self, model: Mapping[str, Any]) -> None:
        """Ajoute un modèle, à la place de celui qui porte sa clé s'il y en a un."""
        self.drop(model["key"])
        self._models.append(tomlkit.item(dict(model)))

    def drop(self, key: str) -> bool:
        """Retire un modèle ; faux s'il n'y est pas."""
        found = [index for index, one in enumerate(self.keys) if one == key]
        for index in reversed(found):
            del self._models[index]
        return bool(found)

    @property
    def _models(self) -> AoT:
        found = self._document["models"]
        assert isinstance(found, AoT)
        return found


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Attend d'être seul à changer ce fichier ; qui le lit le trouve entier, avant ou après.

    Raises:
        OSError: son dossier ne peut pas être écrit.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_name(f"{path.name}.lock"), mode=0o600):
        yield


def write(path: Path, content: bytes) -> None:
    """Remplace le fichier d'un seul geste ; vide, il disparaît.

    Raises:
        OSError: disque plein, ou dossier qu'on ne peut pas écrire ; l'ancien est intact.
    """
    if not content:
        path.unlink(missing_ok=True)
        return
    partial = path.with_name(f"{path.name}.partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
