"""Les clés nommées : leur forme, leur table sur le disque, et leur reconnaissance.

Une clé est `psl_<identifiant>_<secret>` : l'identifiant, public, la désigne partout ; le secret a 256 bits de hasard.
La table n'en garde que l'empreinte SHA-256 : une fonction lente protège ce qui se devine, non ce secret.

Le plan de contrôle écrit la table (`server/control/record/keys.py`) ; chaque processus qui garde une porte la lit ici.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from server.french import why
from server.quotas import NAMES, Quota

logger = logging.getLogger(__name__)

KEYS = "keys.json"
"""Nom de la table, dans le dossier d'état comme dans celui des prises."""
PREFIX = "psl_"

_VERSION = 1
_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
_ID_CHARACTERS = 10
_SECRET_BYTES = 32
_NO_DIGEST = "0" * 64
VALUE = re.compile(rf"({PREFIX}[{_ALPHABET}]{{{_ID_CHARACTERS}}})_[\w-]{{20,}}")
"""Valeur entière d'une clé, où qu'elle soit dans un texte ; le premier groupe est son identifiant."""


class KeyState(StrEnum):
    """État d'une clé à un instant."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class TableUnreadable(Exception):
    """La table ne se lit pas ; le message dit pourquoi."""


@dataclass(frozen=True, slots=True)
class NamedKey:
    """Clé nommée, telle que la table la garde."""

    id: str
    """Identifiant, `psl_` compris."""
    digest: str
    """Empreinte de la clé entière."""
    scopes: tuple[str, ...]
    """Portées : `chat`, `transcribe`, `diarize`, `status`, `admin`."""
    created_at: float
    models: tuple[str, ...] = ()
    """Modèles permis ; vide : tous."""
    owner: str = ""
    note: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
    rotated_at: float | None = None
    previous: str = _NO_DIGEST
    """Empreinte d'avant le dernier renouvellement."""
    previous_until: float = 0.0
    """Instant où elle cesse d'être admise."""
    quota: Quota | None = None
    """Quota propre ; `None` : celui par défaut."""

    def state(self, now: float) -> KeyState:
        """État à cet instant."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE

    def renewed(self, digest: str, now: float, overlap: float) -> "NamedKey":
        """La même, dont cette empreinte remplace l'autre, admise encore `overlap` secondes."""
        return replace(self, digest=digest, previous=self.digest, rotated_at=now, previous_until=now + overlap)


class Found(NamedTuple):
    """Clé reconnue."""

    key: NamedKey
    state: KeyState
    since: float | None
    """Depuis quand elle n'est plus admise."""


_NOBODY = NamedKey("", _NO_DIGEST, (), 0.0)
"""Ce à quoi se compare une clé d'identifiant inconnu : le temps est le même."""


def new_id() -> str:
    """Identifiant au hasard."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARACTERS))


def new_value(identifier: str) -> str:
    """Valeur au hasard d'une clé de cet identifiant."""
    return f"{identifier}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def digest_of(value: str) -> str:
    """Empreinte d'une clé."""
    return hashlib.sha256(value.encode()).hexdigest()


def write_table(keys: Iterable[NamedKey]) -> bytes:
    """Contenu du fichier."""
    return json.dumps({"version": _VERSION, "keys": [asdict(key) for key in keys]}, ensure_ascii=False).encode()


def read_table(path: Path) -> dict[str, NamedKey]:
    """Clés d'un fichier, de la plus ancienne à la plus récente ; aucune s'il n'existe pas.

    Raises:
        TableUnreadable: fichier illisible, abîmé, ou d'une version plus récente.
    """
    try:
        found = json.loads(path.read_bytes())
        if found["version"] != _VERSION:
            raise TableUnreadable(f"{path} : version {found['version']}, et ce serveur connaît la {_VERSION}.")
        return {key.id: key for key in map(_key, found["keys"])}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TableUnreadable(f"{path} : {why(error)}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TableUnreadable(f"{path} : ce n'est pas une table de clés ({error}).") from error


class KeyTable:
    """Table en vigueur, relue dès que son fichier a changé ; s'il manque ou s'abîme, la dernière lue reste.

    Lire l'état d'un fichier coûte une microseconde : aucun processus n'a donc à être prévenu, et une clé créée ou
    révoquée vaut dès l'appel suivant, que le plan de contrôle vive ou non.
    """

    def __init__(self, shared: Path | None = None, kept: Path | None = None, *, mounted: bool = False) -> None:
        """`shared` : copie suivie, dans le dossier des prises ; `kept` : l'original, lu tant qu'elle n'y est pas.

        `mounted` : table que l'exploitant écrit (`PASSERELLE_KEYS_FILE`) ; le serveur est fermé, même si elle manque.
        """
        self._path = shared
        self._mark: tuple[int, int, int] | None = None
        self._keys: Mapping[str, NamedKey] = {}
        self._used = mounted
        if kept is not None and os.path.exists(kept):
            self._take(kept)

    @property
    def used(self) -> bool:
        """Vrai dès qu'une clé a été créée, même révoquée depuis : le serveur n'est plus ouvert."""
        if not self._used:
            self._refresh()
        return self._used

    def find(self, value: str, digest: str) -> Found | None:
        """Clé de cette valeur, dont `digest` est l'empreinte ; `None` si elle est inconnue.

        Le temps ne dit pas lequel de l'identifiant ou du secret est faux, ni dans quel état est la clé.
        """
        self._refresh()
        key = self._keys.get(value[: len(PREFIX) + _ID_CHARACTERS], _NOBODY)
        current = hmac.compare_digest(key.digest, digest)
        before = hmac.compare_digest(key.previous, digest)
        now = time.time()
        state = key.state(now)
        since = key.revoked_at if state is KeyState.REVOKED else key.expires_at
        if state is KeyState.ACTIVE and not current and key.previous_until <= now:
            state, since = KeyState.EXPIRED, key.previous_until
        return Found(key, state, since) if current or before else None

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            found = os.stat(self._path)
        except OSError:
            return
        # Le plan de contrôle écrit un fichier neuf, de date toujours croissante, puis lui donne ce nom ; Kubernetes
        # change le lien qui mène au sien.
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark != self._mark:
            self._mark = mark
            self._take(self._path)

    def _take(self, path: Path) -> None:
        self._used = True
        try:
            self._keys = read_table(path)
        except TableUnreadable as error:
            logger.error("keys_unreadable", extra={"error": str(error)})


def _key(row: dict[str, Any]) -> NamedKey:
    # Un champ qu'une version voisine aurait ajouté ne ferme pas la porte.
    known = {field.name: row[field.name] for field in fields(NamedKey) if field.name in row}
    quota = row.get("quota")
    if quota is not None:
        quota = Quota(**{name: int(quota.get(name, 0)) for name in NAMES})
    return NamedKey(**{**known, "scopes": tuple(row["scopes"]), "models": tuple(row.get("models", ())), "quota": quota})
