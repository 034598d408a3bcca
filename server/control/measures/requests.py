"""Les mesures des requêtes, tirées de ce que les fronts en disent : rien ne s'ajoute à leur parcours.

Un lot redit après la mort brutale du plan de contrôle est compté deux fois s'il l'était déjà : une seconde au plus.
"""

from collections.abc import Iterable

from passerelle.v1 import requests_pb2
from prometheus_client import CollectorRegistry, Counter, Histogram

from server.control.measures.keys import NONE, KeyLabels
from server.rpc.tally import Tallies

_KINDS = {
    requests_pb2.REQUEST_SORT_CHAT: "chat",
    requests_pb2.REQUEST_SORT_COMPLETION: "completion",
    requests_pb2.REQUEST_SORT_TRANSCRIBE: "transcribe",
    requests_pb2.REQUEST_SORT_LIVE: "live",
    requests_pb2.REQUEST_SORT_DIARIZE: "diarize",
}
_FILES = ("transcribe", "diarize")

_FIRST = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.4, 0.6, 1, 1.5, 2.5, 5, 10, 30, 60)
"""Du premier jeton d'un petit modèle sur un GPU libre à celui d'un long contexte derrière une file."""
_TOKEN = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.15, 0.25, 0.5, 1, 2.5)
"""De 400 jetons par seconde à un processeur chargé."""
_WAIT = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_LOAD = (0.1, 1, 5, 15, 30, 60, 120, 300, 600)
_WHOLE = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 7200)
"""D'une réponse d'un mot à un flux en direct de deux heures."""
_FACTOR = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
"""De mille fois plus vite que l'audio à cinq fois moins."""


class RequestMeasures:
    """Comptes et durées des requêtes finies."""

    def __init__(self, registry: CollectorRegistry, keys: KeyLabels) -> None:
        tallies = Tallies(registry)
        self.pour = tallies.pour
        """Verse les comptes qui attendent."""
        self._keys = keys

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        self._requests = tallies.count(
            counter(
                "passerelle_requests_total",
                "Finished inference requests; status is OK, CANCELLED or the stable error reason.",
                "model",
                "kind",
                "status",
            )
        )
        self._by_key = tallies.count(
            counter(
                "passerelle_key_requests_total",
                "Finished inference requests by caller key; outcome is ok, cancelled or error.",
                "key",
                "outcome",
            )
        )
        self._prompt = tallies.count(
            counter("passerelle_prompt_tokens_total", "Prompt tokens, as the engine counts them.", "model", "key")
        )
        self._generated = tallies.count(
            counter("passerelle_generation_tokens_total", "Generated tokens.", "model", "key")
        )
        self._audio = tallies.count(
            counter("passerelle_audio_seconds_total", "Seconds of audio analysed.", "model", "kind", "key")
        )
        self._lost = tallies.count(
            counter("passerelle_requests_lost_total", "Finished requests a front forgot before they could be recorded.")
        )
        self._load = tallies.waits(
            histogram(
                "passerelle_load_wait_seconds",
                "Wait for a replica, loading of the model included.",
                _LOAD,
                "model",
            )
        )
        self._queue = tallies.waits(
            histogram("passerelle_queue_wait_seconds", "Wait in the queue of a replica.", _WAIT, "model")
        )
        self._first = tallies.waits(
            histogram(
                "passerelle_time_to_first_token_seconds",
                "From the dispatch to a replica to the first output of a stream; the load of the model is not in it.",
                _FIRST,
                "model",
            )
        )
        self._token = tallies.waits(
            histogram(
                "passerelle_time_per_output_token_seconds",
                "Mean time between two output tokens of a stream.",
                _TOKEN,
                "model",
            )
        )
        self._whole = tallies.waits(
            histogram(
                "passerelle_request_seconds",
                "Whole duration of the requests that succeeded.",
                _WHOLE,
                "model",
                "kind",
            )
        )
        self._factor = tallies.waits(
            histogram(
                "passerelle_real_time_factor",
                "Seconds spent on a file, queue excluded, by second of its audio.",
                _FACTOR,
                "model",
                "kind",
            )
        )

    def lost(self, count: int) -> None:
        """Des requêtes finies ne seront jamais dites."""
        self._lost.add(amount=count)

    def take(self, requests: Iterable[requests_pb2.Request]) -> None:
        """Compte des requêtes finies."""
        for request in requests:
            self._take(request)

    def _take(self, found: requests_pb2.Request) -> None:
        model, kind, status = found.model or NONE, _KINDS.get(found.sort, "other"), found.status
        key = self._keys.label(found.key)
        outcome = {"OK": "ok", "CANCELLED": "cancelled"}.get(status, "error")
        self._requests.add(model, kind, status)
        self._by_key.add(key, outcome)
        if found.tokens_in:
            self._prompt.add(model, key, amount=found.tokens_in)
        if found.tokens_out:
            self._generated.add(model, key, amount=found.tokens_out)
        if found.audio_seconds:
            self._audio.add(model, kind, key, amount=found.audio_seconds)
        if found.HasField("sent"):
            self._load.observe(model, seconds=found.sent - found.asked)
            self._queue.observe(model, seconds=found.queued)
            if found.HasField("first"):
                self._first.observe(model, seconds=found.first - found.sent)
        if status != "OK":
            return
        self._whole.observe(model, kind, seconds=found.ended)
        if found.HasField("first") and found.tokens_out > 1 and found.last > found.first:
            self._token.observe(model, seconds=(found.last - found.first) / (found.tokens_out - 1))
        if kind in _FILES and found.audio_seconds and found.HasField("sent") and found.last:
            self._factor.observe(
                model, kind, seconds=max(0.0, found.last - found.sent - found.queued) / found.audio_seconds
            )
