"""UsageService : l'usage par période, en lignes ou en CSV, et son effacement."""

import csv
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

from passerelle.v1 import requests_pb2, usage_pb2, usage_pb2_grpc

from server.control.requests.store import UsageStore
from server.control.requests.usage import HOUR, Usage, UsageKey
from server.control.requests.waits import quantile
from server.control.requests.window import Window
from server.control.services.instants import duration, timestamp
from server.control.services.owners import Owners
from server.control.services.pages import page_size, page_token
from server.errors import InvalidRequest
from server.rpc.http_body import encode_body

_DAY = 24
_DEFAULT_HOURS = 24
_CSV_ROWS = 1000
"""Lignes d'un message de CSV."""
_CSV_TYPE = "text/csv; charset=utf-8"
_CSV_NAMES = (
    *("since", "key", "model", "sort", "requests", "ok", "cancelled", "failed", "tokens_in", "tokens_out"),
    *("audio_seconds", "first_p50", "first_p95", "duration_p50", "duration_p95"),
)
_GROUPS = (usage_pb2.USAGE_GROUP_KEY, usage_pb2.USAGE_GROUP_MODEL)

Row = tuple[UsageKey, Usage]


class UsageService(usage_pb2_grpc.UsageServiceServicer):
    """Lit et efface l'usage ; les clés sont vérifiées avant d'arriver ici."""

    def __init__(
        self,
        store: UsageStore,
        window: Window,
        owners: Owners,
        known: Callable[[str], str],
        clock: Callable[[], float] = time.time,
        erase_quotas: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> None:
        """`known` rend la clé du modèle de ce nom ; un modèle qui n'est plus servi garde le sien. `erase_quotas` efface
        les compteurs de quota de ces étiquettes."""
        self._erase_quotas = erase_quotas
        self._store = store
        self._window = window
        self._owners = owners
        self._known = known
        self._clock = clock

    async def GetUsage(self, request: usage_pb2.GetUsageRequest, _context: Any) -> usage_pb2.GetUsageResponse:
        """Page de lignes."""
        size, first = page_size(request.page_size, 1000, 5000), page_token(request.page_token)
        rows = await self._rows(request.query)
        following = first + size if first + size < len(rows) else 0
        return usage_pb2.GetUsageResponse(
            rows=[_message(key, usage) for key, usage in rows[first : first + size]],
            next_page_token=str(following) if following else "",
        )

    async def ExportUsage(self, request: usage_pb2.ExportUsageRequest, _context: Any) -> AsyncIterator[bytes]:
        """Toutes les lignes."""
        rows = await self._rows(request.query)
        content_type = _CSV_TYPE
        for first in range(0, len(rows) or 1, _CSV_ROWS):
            piece = io.StringIO()
            writer = csv.writer(piece, lineterminator="\n")
            if not first:
                writer.writerow(_CSV_NAMES)
            writer.writerows(_cells(key, usage) for key, usage in rows[first : first + _CSV_ROWS])
            yield encode_body(piece.getvalue().encode(), content_type)
            content_type = ""

    async def EraseUsage(self, request: usage_pb2.EraseUsageRequest, _context: Any) -> usage_pb2.EraseUsageResponse:
        """Efface l'usage d'une clé."""
        if not request.key:
            raise InvalidRequest("key : l'étiquette d'une clé est attendue.", metadata={"field": "key"})
        self._window.erase(lambda one: one.key == request.key)
        return usage_pb2.EraseUsageResponse(requests=await self._store.erase([request.key]))

    async def EraseOwner(self, request: usage_pb2.EraseOwnerRequest, _context: Any) -> usage_pb2.EraseOwnerResponse:
        """Efface ce qui est gardé d'un propriétaire."""
        if not request.owner:
            raise InvalidRequest("owner : un propriétaire est attendu.", metadata={"field": "owner"})
        labels = await self._owners.labels(request.owner, request.issuer)
        # Les noms en dernier : coupé avant, l'effacement se redemande sous le même nom.
        requests = await self._store.erase(sorted(labels))
        listed = self._window.erase(lambda one: one.key in labels)
        if self._erase_quotas is not None:
            await self._erase_quotas(sorted(labels))
        keys, kept = await self._owners.forget(request.owner)
        erased = usage_pb2.Erased(requests=requests, listed=listed, keys=keys, kept_keys=kept)
        return usage_pb2.EraseOwnerResponse(erased=erased)

    async def _rows(self, query: usage_pb2.UsageQuery) -> list[Row]:
        """Lignes voulues, de la plus ancienne à la plus récente."""
        until = query.until.ToNanoseconds() / 1e9 if query.HasField("until") else self._clock()
        last = -int(-until // HOUR)
        first = query.since.seconds // HOUR if query.HasField("since") else last - _DEFAULT_HOURS
        if first >= last:
            raise InvalidRequest("query.since : le début doit précéder la fin.", metadata={"field": "query.since"})
        groups = set(query.group_by or _GROUPS)
        keys = {query.key} | await self._owners.labels_known(query.key) if query.key else frozenset()
        model = self._known(query.model) if query.model else ""

        def place(key: UsageKey) -> UsageKey | None:
            wanted = (not keys or key.key in keys) and model in ("", key.model) and query.sort in (0, key.sort)
            return _grouped(key, groups, query.step, first) if wanted else None

        return await self._store.read(first, last, place)


def _grouped(key: UsageKey, groups: "set[usage_pb2.UsageGroup]", step: "usage_pb2.UsageStep", first: int) -> UsageKey:
    hour = {usage_pb2.USAGE_STEP_DAY: key.hour // _DAY * _DAY, usage_pb2.USAGE_STEP_ALL: first}.get(step, key.hour)
    return UsageKey(
        hour,
        key.key if usage_pb2.USAGE_GROUP_KEY in groups else "",
        key.model if usage_pb2.USAGE_GROUP_MODEL in groups else "",
        key.sort if usage_pb2.USAGE_GROUP_SORT in groups else 0,
    )


def _message(key: UsageKey, usage: Usage) -> usage_pb2.UsageRow:
    waits = [
        ("first_p50", usage.first, 0.5),
        ("first_p95", usage.first, 0.95),
        ("duration_p50", usage.duration, 0.5),
        ("duration_p95", usage.duration, 0.95),
    ]
    return usage_pb2.UsageRow(
        since=timestamp(key.hour * HOUR),
        key=key.key,
        model=key.model,
        sort=_sort(key),
        requests=usage.outcomes.total(),
        outcomes=usage.outcomes,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        audio_seconds=usage.audio_seconds,
        **{name: duration(value) for name, slots, share in waits if (value := quantile(slots, share)) is not None},
    )


def _cells(key: UsageKey, usage: Usage) -> list[str]:
    ok, cancelled, total = usage.outcomes["OK"], usage.outcomes["CANCELLED"], usage.outcomes.total()
    waits = [(usage.first, 0.5), (usage.first, 0.95), (usage.duration, 0.5), (usage.duration, 0.95)]
    values = [quantile(slots, share) for slots, share in waits]
    return [
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(key.hour * HOUR)),
        key.key,
        key.model,
        requests_pb2.RequestSort.Name(_sort(key)).removeprefix("REQUEST_SORT_").lower() if key.sort else "",
        *map(str, (total, ok, cancelled, total - ok - cancelled, usage.tokens_in, usage.tokens_out)),
        f"{usage.audio_seconds:.3f}",
        *("" if value is None else f"{value:.3f}" for value in values),
    ]


def _sort(key: UsageKey) -> "requests_pb2.RequestSort":
    return cast("requests_pb2.RequestSort", key.sort)
