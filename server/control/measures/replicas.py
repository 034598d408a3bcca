"""Ce que chaque exemplaire a compté, demandé à tous à la fois ; celui qui se tait manque, et rien ne l'attend."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from passerelle.worker.v1 import measures_pb2
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from server.control.life.model import ManagedModel
from server.control.life.replicas import Replica
from server.control.measures.families import Family, Sheet, histogram
from server.errors import PasserelleError

logger = logging.getLogger(__name__)

_PATIENCE = 1.0
"""Secondes laissées aux exemplaires."""
_REPLICA = ("model", "replica")
VALUES = (
    Family("passerelle_queue_waiting", "Requests in the queue, by class of caller.", (*_REPLICA, "class")),
    Family("passerelle_queue_callers", "Callers with a request in the queue.", _REPLICA),
    Family("passerelle_live_streams", "Live audio streams open.", _REPLICA),
    Family("passerelle_live_streams_max", "Live audio streams open at most.", _REPLICA),
    Family("passerelle_windows_waiting", "Audio windows that wait for the engine.", (*_REPLICA, "rank")),
    Family("passerelle_batch_audio_seconds_total", "Audio computed in batches.", (*_REPLICA, "rank")),
    Family("passerelle_batch_padding_seconds_total", "Padding computed with it.", (*_REPLICA, "rank")),
    Family("passerelle_decoded_audio_seconds_total", "Audio decoded from files.", _REPLICA),
    Family("passerelle_kv_cache_size_tokens", "Tokens the KV cache holds at most.", _REPLICA),
    Family("passerelle_kv_cache_requested_tokens", "Tokens of the requests in the engine.", _REPLICA),
    Family("passerelle_prefix_cache_hit_tokens_total", "Prompt tokens found in the prefix cache.", _REPLICA),
    Family("passerelle_prefix_cache_query_tokens_total", "Prompt tokens looked up in it.", _REPLICA),
)
SPREADS = (
    Family("passerelle_batch_windows", "Audio windows of a batch.", (*_REPLICA, "rank")),
    Family("passerelle_batch_seconds", "Time the engine spent on a batch.", (*_REPLICA, "rank")),
    Family("passerelle_decode_seconds", "Time spent waiting for the decoder of a file.", _REPLICA),
)


async def ask(models: Iterable[ManagedModel]) -> list[tuple[str, Replica, measures_pb2.Measures]]:
    """Mesures de chaque exemplaire qui répond à temps."""
    # Un exemplaire figé retiendrait chaque lecture, et avec elle l'alerte qui le dit.
    asked = [
        (model.spec.key, replica)
        for model in models
        for replica in model.replicas
        if replica.measured and not replica.link.silent
    ]
    answers = await asyncio.gather(*(_one(replica) for _, replica in asked))
    return [(key, replica, found) for (key, replica), found in zip(asked, answers, strict=True) if found is not None]


async def _one(replica: Replica) -> measures_pb2.Measures | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            return measures_pb2.Measures.FromString(await replica.link.measures())
    except (PasserelleError, TimeoutError) as error:
        logger.info("measures_unheard", extra={"replica": replica.id, "error": str(error)})
        return None


def collect(told: Sequence[tuple[str, Replica, measures_pb2.Measures]]) -> Iterable[Metric]:
    """Familles des exemplaires, puis celles de leurs moteurs."""
    sheet = Sheet(VALUES)
    spreads = {family.name: histogram(family) for family in SPREADS}
    engines: dict[str, Metric] = {}
    # Un moteur d'ailleurs peut en dire d'autres : sans aide ni ligne de documentation, elles ne sont pas de la page.
    known = {family.name for family in VALUES}
    for key, replica, found in told:
        head = (key, replica.id)
        for value in found.values:
            if f"passerelle_{value.name}" in known:
                sheet.put(f"passerelle_{value.name}", value.value, *head, *value.labels)
        for spread in found.spreads:
            _put(spreads[f"passerelle_{spread.name}"], (*head, *spread.labels), spread)
        _engine(engines, dict(zip(_REPLICA, head, strict=True)), found.engine)
    return [*sheet, *spreads.values(), *engines.values()]


def _put(family: HistogramMetricFamily, labels: Sequence[str], spread: measures_pb2.Spread) -> None:
    total, buckets = 0, []
    for bound, count in zip((*map(str, spread.bounds), "+Inf"), spread.counts, strict=True):
        total += count
        buckets.append((bound, total))
    family.add_metric(labels, buckets, spread.sum)  # type: ignore[arg-type]


def _engine(engines: dict[str, Metric], labels: dict[str, str], text: bytes) -> None:
    """Joint les mesures d'un moteur, chacune avec son modèle et son exemplaire, une famille pour tous."""
    try:
        families = list(text_string_to_metric_families(text.decode()))
    except ValueError as error:
        logger.warning("engine_measures_unread", extra={**labels, "error": str(error)})
        return
    for family in families:
        kept = engines.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        for sample in family.samples:
            kept.add_sample(sample.name, {**sample.labels, **labels}, sample.value)
