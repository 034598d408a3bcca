"""Les mesures d'un front : requêtes par modèle, attente du premier jeton, regroupement des trames."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from server.rpc.metrics import SECONDS


class FrontMetrics:
    """Compteurs des générations."""

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
