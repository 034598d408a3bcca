"""La table des clés nommées : écrite dans le dossier d'état, puis publiée là où chaque processus la lit."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from server.domain import Limits
from server.errors import InvalidState, KeyNotFound, KeysReadOnly
from server.named_keys import (
    PREFIX,
    KeyState,
    NamedKey,
    TableUnreadable,
    digest_of,
    new_id,
    new_value,
    read_table,
    write_table,
)
from server.quotas import Quota

T = TypeVar("T")


class KeyBook:
    """Table sur le disque, relue à chaque ordre : une copie remise à la main vaut aussitôt."""

    def __init__(
        self,
        path: Path,
        shared: Path | None,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        *,
        mounted: bool = False,
    ) -> None:
        """`path` : l'original, dans le dossier d'état ; `shared` : sa copie, que les fronts suivent.

        `mounted` : l'original est à l'exploitant, seul à l'écrire ; rien ne s'en copie.
        """
        self.mounted = mounted
        self._path = path
        self._shared = shared
        self._limits = limits
        self._clock = clock
        self._lock = asyncio.Lock()

    async def publish(self) -> None:
        """Publie la table telle qu'elle est ; une table illisible ne remplace pas celle qui sert.

        Raises:
            TableUnreadable: elle ne se lit pas.
            OSError: la copie n'a pas pu être écrite.
        """
        async with self._lock:
            await asyncio.to_thread(self._publish)

    async def newest(self) -> list[NamedKey]:
        """Clés, de la plus récente à la plus ancienne.

        Raises:
            InvalidState: la table ne se lit pas.
        """
        return [*reversed((await asyncio.to_thread(self._read)).values())]

    async def create(
        self,
        scopes: Sequence[str],
        *,
        models: Sequence[str] = (),
        owner: str = "",
        note: str = "",
        lifetime: float | None = None,
        quota: Quota | None = None,
    ) -> tuple[NamedKey, str]:
        """Crée une clé ; la rend, et sa valeur, qui n'est écrite nulle part.

        Raises:
            InvalidState: table pleine, ou illisible.
            KeysReadOnly: table montée.
        """
        limit, value = self._limits.max_named_keys, ""

        def change(keys: dict[str, NamedKey], now: float) -> NamedKey:
            nonlocal value
            if (active := sum(key.state(now) is KeyState.ACTIVE for key in keys.values())) >= limit:
                raise InvalidState(
                    f"{active} clés sont admises, la limite (PASSERELLE_MAX_NAMED_KEYS) ; révoquez-en d'abord.",
                    metadata={"field": "max_named_keys", "limit": str(limit), "value": str(active + 1)},
                )
            while (identifier := new_id()) in keys:
                continue
            value = new_value(identifier)
            expires_at = None if lifetime is None else now + lifetime
            key = NamedKey(
                identifier,
                digest_of(value),
                tuple(scopes),
                now,
                tuple(models),
                owner,
                note,
                expires_at=expires_at,
                quota=quota,
            )
            keys[identifier] = key
            return key

        return await self._change(change), value

    async def rotate(self, identifier: str, overlap: float) -> tuple[NamedKey, str]:
        """Donne à une clé une valeur neuve ; la rend avec elle. L'ancienne reste admise `overlap` secondes.

        Raises:
            KeyNotFound: identifiant inconnu.
            InvalidState: clé révoquée ou expirée, ou table illisible.
            KeysReadOnly: table montée.
        """
        value = new_value(_whole(identifier))

        def change(keys: dict[str, NamedKey], now: float) -> NamedKey:
            key = _known(keys, identifier)
            if (state := key.state(now)) is not KeyState.ACTIVE:
                ended = "révoquée" if state is KeyState.REVOKED else "expirée"
                raise InvalidState(f"La clé « {key.id} » est {ended} : créez-en une autre.", metadata={"key": key.id})
            keys[key.id] = key.renewed(digest_of(value), now, overlap)
            return keys[key.id]

        return await self._change(change), value

    async def set_quota(self, identifier: str, quota: Quota | None) -> NamedKey:
        """Change le quota d'une clé ; `None` : celui par défaut.

        Raises:
            KeyNotFound: identifiant inconnu.
            InvalidState: table illisible.
        """

        def change(keys: dict[str, NamedKey], _now: float) -> NamedKey:
            key = _known(keys, identifier)
            keys[key.id] = replace(key, quota=quota)
            return keys[key.id]

        return await self._change(change)

    async def revoke(self, identifier: str) -> NamedKey:
        """Révoque une clé ; sans effet si elle l'est déjà.

        Raises:
            KeyNotFound: identifiant inconnu.
            InvalidState: table illisible.
            KeysReadOnly: table montée.
        """

        def change(keys: dict[str, NamedKey], now: float) -> NamedKey:
            key = _known(keys, identifier)
            if key.revoked_at is None:
                keys[key.id] = replace(key, revoked_at=now)
            return keys[key.id]

        return await self._change(change)

    async def forget(self, owner: str) -> list[str]:
        """Révoque les clés de ce propriétaire, et en ôte son nom et la note ; rend leurs identifiants.

        Raises:
            InvalidState: table illisible.
        """

        def change(keys: dict[str, NamedKey], now: float) -> list[str]:
            found = [key for key in keys.values() if key.owner == owner]
            for key in found:
                ended = now if key.revoked_at is None else key.revoked_at
                keys[key.id] = replace(key, owner="", note="", revoked_at=ended)
            return [key.id for key in found]

        # Rien à ôter : la table n'est pas récrite, et un serveur sans clé n'en reçoit pas une vide, qui le fermerait.
        if not any(key.owner == owner for key in await self.newest()):
            return []
        return await self._change(change)

    async def _change(self, change: Callable[[dict[str, NamedKey], float], T]) -> T:
        if self.mounted:
            raise KeysReadOnly(
                f"Les clés de ce serveur sont celles de {self._path} (PASSERELLE_KEYS_FILE), que d'autres machines "
                "peuvent lire : changez ce fichier (« passerelle keys --file »), il vaut aussitôt.",
                metadata={"field": "PASSERELLE_KEYS_FILE", "value": str(self._path)},
            )
        async with self._lock:
            return await asyncio.to_thread(self._write, change)

    def _write(self, change: Callable[[dict[str, NamedKey], float], T]) -> T:
        keys, now = self._read(), self._clock()
        found = change(keys, now)
        _replace(self._path, write_table(self._kept(keys, now)), durable=True)
        self._publish()
        return found

    def _kept(self, keys: dict[str, NamedKey], now: float) -> list[NamedKey]:
        """Clés admises, et les dernières des autres : qui présente l'une d'elles sait ce qu'elle est devenue."""
        ended = [key.id for key in keys.values() if key.state(now) is not KeyState.ACTIVE]
        forgotten = set(ended[: max(0, len(ended) - self._limits.max_named_keys)])
        return [key for key in keys.values() if key.id not in forgotten]

    def _read(self) -> dict[str, NamedKey]:
        try:
            return read_table(self._path)
        except TableUnreadable as error:
            raise InvalidState(
                f"{error} Remettez-en une copie ; d'ici là, rien n'y est changé.", metadata={"field": str(self._path)}
            ) from error

    def _publish(self) -> None:
        if self._shared is None or not self._path.exists():
            return
        keys = read_table(self._path)
        _replace(self._shared, write_table(keys.values()), durable=False)


def _whole(identifier: str) -> str:
    """Identifiant entier ; celui d'une valeur, pour qui la donne à sa place."""
    return PREFIX + identifier.removeprefix(PREFIX).partition("_")[0]


def _known(keys: dict[str, NamedKey], identifier: str) -> NamedKey:
    found = keys.get(_whole(identifier))
    if found is None:
        asked = _whole(identifier) if identifier.startswith(PREFIX) else identifier.partition("_")[0]
        raise KeyNotFound(f"Aucune clé n'a l'identifiant « {asked} ».", metadata={"field": "id", "value": asked})
    return found


def _replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Remplace un fichier en entier ou pas du tout ; `durable` : une fois rendu, il survit à une coupure de courant."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    if path.exists():
        # Toujours croissante : deux écritures rapprochées se distinguent, même quand l'horloge recule.
        before = path.stat().st_mtime_ns
        date = max(time.time_ns(), before + 1)
        os.utime(partial, ns=(date, date))
    partial.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
