"""Les familles de mesures qui ne se comptent pas : leur valeur se lit au moment où Prometheus la demande."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric


class Family(NamedTuple):
    """Une famille : son nom, ce qu'elle dit, ses étiquettes."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


class Sheet:
    """Ce qu'une lecture trouve, famille par famille ; une famille sans valeur est tout de même annoncée."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._found: dict[str, Metric] = {}
        for name, text, labels in families:
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            self._found[name] = kind(name, text, labels=labels)

    def put(self, name: str, value: float, *labels: str) -> None:
        """Ajoute une valeur."""
        self._found[name].add_metric(labels, value)  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._found.values())


def histogram(family: Family) -> HistogramMetricFamily:
    """Histogramme à remplir."""
    return HistogramMetricFamily(*family[:2], labels=family.labels)
