"""Le registre : une ligne JSON par acte qui change l'état, ajoutée à la fin, jamais récrite.

Le fichier en cours est mis de côté une fois par jour, ou quand il est grand ; les plus anciens s'en vont, à l'âge et à
la place permis. Chaque ligne est portée au disque (`fdatasync`) avant que l'appel qui la vaut ne réussisse.
"""

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.named_keys import VALUE

logger = logging.getLogger(__name__)

NAME = "audit.jsonl"
_ASIDE = "audit-*.jsonl"
_SHARE = 16
"""Part de la place permise qu'un fichier prend avant d'être mis de côté."""
_DAY = 86_400.0
_LINE_BYTES = 16 * 1024
_SECRET = re.compile(r"(^|[_.-])(secret|token|password|authorization)$|[_.-]key$", re.IGNORECASE)
"""Nom d'une valeur secrète ; `key` seul est celui d'une étiquette, ou d'un modèle."""
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
"""Jeton d'un fournisseur d'identité, où qu'il soit dans un texte."""
_PERSON = frozenset(("owner", "note"))
"""Champs qui nomment une personne : le registre ne se récrit pas, et rien n'y serait effacé d'elle."""
_HIDDEN = "…"
_SHORTEST_SECRET = 6
"""Caractères d'un secret que l'on cherche partout ; plus court, il cacherait des mots ordinaires."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Ce que le registre garde."""

    folder: Path
    """Dossier d'état."""
    max_bytes: int = 256 * 1024 * 1024
    """Octets de tous ses fichiers."""
    days: float = 365.0
    """Âge au-delà duquel un fichier est effacé."""
    secrets: tuple[str, ...] = ()
    """Ce qui n'y est jamais écrit, où que ce soit dans une ligne."""


class AuditLog:
    """Écrit dans un seul fil : les lignes se suivent dans l'ordre où elles ont été données."""

    def __init__(self, settings: AuditSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._path = settings.folder / NAME
        self._clock = clock
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._lost = 0
        self._born: float | None = None
        self._pending: set[asyncio.Future[None]] = set()

    def append(self, entry: Mapping[str, Any]) -> "asyncio.Future[None]":
        """Ajoute une ligne ; qui l'attend la sait sur le disque, ou son échec consigné. Abandonner n'arrête rien."""
        line = {"time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"), **entry}
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._write, line)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return asyncio.shield(future)

    async def aclose(self) -> None:
        """Attend les lignes données."""
        await asyncio.gather(*self._pending, return_exceptions=True)
        self._executor.shutdown()

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            self._keep(self._line(entry))
        except (OSError, ValueError) as error:
            # Un disque plein ne doit pas retenir qui voudrait justement décharger ou effacer.
            self._lost += 1
            logger.error("audit_write_failed", extra={"error": str(error), "action": entry.get("action", "")})

    def _line(self, entry: Mapping[str, Any]) -> bytes:
        said = {**entry, "lost": self._lost} if self._lost else dict(entry)
        text = _json(_hidden(said))
        if len(text) > _LINE_BYTES:
            text = _json(_hidden({**said, **{name: _CUT for name in ("request", "before", "after") if name in said}}))
        for secret in self._settings.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(_json(secret)[1:-1], _HIDDEN)
        # Une valeur entière, mise là où son identifiant était attendu : le serveur n'en a que l'empreinte.
        text = _TOKEN.sub(_HIDDEN, VALUE.sub(rf"\1_{_HIDDEN}", text))
        return text.encode(errors="replace") + b"\n"

    def _keep(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        held = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(held).st_size
            if size and self._full(held, size + len(line)):
                os.close(held)
                self._put_aside()
                held = os.open(self._path, flags, 0o600)
                size = 0
            if not size:
                self._born = self._clock()
            elif os.pread(held, 1, size - 1) != b"\n":
                line = b"\n" + line  # une coupure de courant a laissé une demi-ligne : elle reste seule
            while line:
                line = line[os.write(held, line) :]
            os.fdatasync(held)
            self._lost = 0
        finally:
            os.close(held)

    def _full(self, held: int, size: int) -> bool:
        if self._born is None:
            self._born = _time_of(os.pread(held, _LINE_BYTES, 0).split(b"\n", 1)[0], self._clock())
        return size > self._settings.max_bytes // _SHARE or self._clock() - self._born > _DAY

    def _put_aside(self) -> None:
        now = self._clock()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S%f")
        self._path.rename(self._path.with_name(f"audit-{stamp}.jsonl"))
        left = self._settings.max_bytes - self._settings.max_bytes // _SHARE
        for path in reversed(kept(self._settings.folder)):
            status = path.stat()
            left -= status.st_size
            if left < 0 or now - status.st_mtime > self._settings.days * _DAY:
                path.unlink()


_CUT = {"cut": f"plus de {_LINE_BYTES} octets"}


def kept(folder: Path) -> list[Path]:
    """Fichiers du registre mis de côté, du plus ancien au plus récent."""
    return sorted(folder.glob(_ASIDE))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _hidden(value: Any) -> Any:
    """Sans les valeurs dont le nom dit qu'elles sont secrètes, ou qu'elles nomment une personne."""
    if isinstance(value, Mapping):
        return {name: _HIDDEN if _unsaid(str(name)) else _hidden(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_hidden(one) for one in value]
    return value


def _unsaid(name: str) -> bool:
    return name in _PERSON or _SECRET.search(name) is not None


def _time_of(line: bytes, default: float) -> float:
    try:
        return datetime.fromisoformat(json.loads(line)["time"]).timestamp()
    except (ValueError, TypeError, LookupError):
        return default
