"""Les mesures des opérations finies : combien, en combien de temps, et où un chargement a passé le sien."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from server.control.record.operations import Operation, OperationKind, OperationState

_SECONDS = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 7200)
"""D'un réveil au téléchargement d'un grand modèle."""
_LOADS = (OperationKind.LOAD, OperationKind.RESTART)


class OperationMeasures:
    """Comptes et durées des opérations."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations = Counter(
            "passerelle_operations_total",
            "Finished operations; state is SUCCEEDED, FAILED or CANCELLED.",
            ["model", "kind", "state"],
            registry=registry,
        )
        self._seconds = Histogram(
            "passerelle_operation_seconds",
            "Duration of the operations that succeeded.",
            ["model", "kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._phases = Histogram(
            "passerelle_load_phase_seconds",
            "Time a load spent in a phase.",
            ["model", "phase"],
            buckets=_SECONDS,
            registry=registry,
        )

    def expect(self, models: Iterable[str]) -> None:
        """Annonce les opérations de ces modèles : un compte qui naît à 1 n'augmente pas."""
        for model in models:
            for kind in OperationKind:
                for state in OperationState:
                    if state is not OperationState.RUNNING:
                        self._operations.labels(model, kind.value, state.value)

    def take(self, operation: Operation) -> None:
        """Compte une opération finie."""
        model, kind = operation.model, operation.kind.value
        self._operations.labels(model, kind, operation.state.value).inc()
        succeeded = operation.failure is None and operation.state.value == "SUCCEEDED"
        if succeeded and operation.finished_at is not None:
            self._seconds.labels(model, kind).observe(max(0.0, operation.finished_at - operation.started_at))
        if operation.kind in _LOADS:
            for phase, seconds in operation.times.seconds.items():
                self._phases.labels(model, phase).observe(seconds)
