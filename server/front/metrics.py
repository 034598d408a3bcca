"""Les mesures d'un front : requêtes par modèle, attente du premier jeton, regroupement des trames."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from server.errors import PasserelleError
from server.rpc.metrics import SECONDS
from server.rpc.tally import Tallies


class FrontMetrics:
    """Compteurs des générations, et des analyses d'audio sous les mêmes noms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tallies = Tallies(registry)
        self._requests = tallies.count(
            Counter(
                "passerelle_generations_total",
                "Finished calls to a replica; status is OK, CANCELLED or the stable error reason.",
                ["model", "kind", "status"],
                registry=registry,
            )
        )
        self._first = tallies.waits(
            Histogram(
                "passerelle_first_output_seconds",
                "Attente de la première sortie.",
                ["model"],
                buckets=SECONDS,
                registry=registry,
            )
        )
        self._in_flight = tallies.count(
            Gauge(
                "passerelle_generations_in_flight",
                "Calls to a replica in flight.",
                ["model"],
                registry=registry,
                multiprocess_mode="livesum",
            )
        )
        self._frames = tallies.count(
            Counter("passerelle_stream_frames_total", "Frames received from the models.", ["model"], registry=registry)
        )
        self._flushes = tallies.count(
            Counter("passerelle_stream_flushes_total", "Messages sent to the clients.", ["model"], registry=registry)
        )
        self.window = Gauge(
            "passerelle_stream_window_seconds",
            "Coalescing window of the tokens, the longest of the fronts'.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.pour = tallies.pour
        """Verse les comptes qui attendent."""

    def started(self, model: str) -> None:
        """Une requête part vers l'exemplaire."""
        self._in_flight.add(model)

    def first(self, model: str, seconds: float) -> None:
        """Sa première sortie est là."""
        self._first.observe(model, seconds=seconds)

    def streamed(self, model: str, frames: int, flushes: int) -> None:
        """Trames reçues et messages envoyés d'un flux."""
        self._frames.add(model, amount=frames)
        self._flushes.add(model, amount=flushes)

    def finished(self, model: str, kind: str, error: BaseException | None) -> None:
        """La requête est finie, quelle que soit sa fin ; tout ce qui n'est pas une erreur dite est un abandon."""
        self._in_flight.add(model, amount=-1.0)
        status = error.reason if isinstance(error, PasserelleError) else "CANCELLED" if error else "OK"
        self._requests.add(model, kind, status)
