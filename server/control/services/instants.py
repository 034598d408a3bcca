"""Les secondes du serveur, en instants et durées du contrat."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(seconds: float) -> Timestamp:
    """Instant, depuis des secondes comptées à partir de 1970."""
    found = Timestamp()
    found.FromNanoseconds(round(seconds * 1e9))
    return found


def duration(seconds: float) -> Duration:
    """Durée, depuis des secondes."""
    found = Duration()
    found.FromNanoseconds(round(seconds * 1e9))
    return found
