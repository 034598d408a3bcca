"""Les mesures d'un front : requêtes par modèle, attente du premier jeton, regroupement des trames."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from server.errors import PasserelleError
from server.rpc.metrics import SECONDS


class FrontMetrics:
    """Compteurs des générations, et des analyses d'audio sous les mêmes noms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "passerelle_generations_total", "Générations terminées.", ["model", "kind", "status"], registry=registry
        )
        self.first_output = Histogram(
            "passerelle_first_output_seconds",
            "Attente de la première sortie.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "passerelle_generations_in_flight",
            "Générations en cours.",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.frames = Counter(
            "passerelle_stream_frames_total", "Trames reçues des modèles.", ["model"], registry=registry
        )
        self.flushes = Counter(
            "passerelle_stream_flushes_total", "Messages envoyés aux clients.", ["model"], registry=registry
        )
        self.window = Gauge(
            "passerelle_stream_window_seconds",
            "Fenêtre de regroupement des jetons, la plus longue de celles des fronts.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    @contextmanager
    def measured(self, model: str, kind: str) -> Iterator[None]:
        """Compte une requête, de son départ vers l'exemplaire à sa fin, quelle qu'elle soit."""
        status = "CANCELLED"
        self.in_flight.labels(model).inc()
        try:
            yield
            status = "OK"
        except PasserelleError as error:
            status = error.reason
            raise
        finally:
            self.in_flight.labels(model).dec()
            self.requests.labels(model, kind, status).inc()
