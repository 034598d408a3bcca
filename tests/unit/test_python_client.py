"""`passerelle-client` : une classe par motif, des reprises bornées, un direct sans trou ni redite."""

import math
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from passerelle.v1 import audio_pb2, error_reason_pb2, transcribe_pb2
from passerelle_client import calls
from passerelle_client import errors as client_errors
from passerelle_client.calls import Attempts, Retry
from passerelle_client.live import Course, Event, Tape, resumable

from server.errors import error_for
from server.rpc.status import DETAILS_KEY, codes, to_status

REASONS = sorted(set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"})


class Refused(grpc.RpcError):
    """Échec d'un appel, tel que gRPC le lève."""

    def __init__(self, reason: str, *, known: bool = True) -> None:
        sent = error_for(reason if known else "INTERNAL", "Refusé.", {"field": "model"}, 1.5)
        status = to_status(sent, "r-1")
        self._code = codes(sent).grpc
        data = status.SerializeToString()
        self._data = data if known else data.replace(b"INTERNAL", reason.encode())

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "Refusé."

    def trailing_metadata(self) -> Any:
        return ((DETAILS_KEY, self._data),)


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_is_an_exception_of_its_own(name: str) -> None:
    reason = name.removeprefix("ERROR_REASON_")
    found = calls.failure(Refused(reason))
    assert type(found) is client_errors.BY_REASON[reason] and type(found) is not client_errors.PasserelleError
    ours = type(error_for(reason, "", {}, None))
    assert (type(found).__name__, type(found).__mro__[1].__name__) == (ours.__name__, ours.__mro__[1].__name__)
    assert (found.reason, found.code, found.request_id) == (reason, codes(error_for(reason, "", {}, None)).grpc, "r-1")
    assert found.metadata["field"] == "model" and found.retry_after == 1.5 and "Refusé." in found.message


def test_there_is_no_class_without_a_reason() -> None:
    assert client_errors.BY_REASON.keys() == {name.removeprefix("ERROR_REASON_") for name in REASONS}


def test_a_reason_of_a_newer_server_keeps_its_name() -> None:
    found = calls.failure(Refused("TOO_NEW.", known=False))
    assert type(found) is client_errors.PasserelleError and found.reason == "TOO_NEW."


LOST, QUEUE, REFUSED = client_errors.WorkerLost(""), client_errors.QueueFull, client_errors.InvalidRequest("")


def test_pauses_obey_the_server_then_grow() -> None:
    attempts = Attempts(Retry(attempts=4), math.inf)
    assert 5.0 <= attempts.pause(QUEUE("", retry_after=5.0)) <= 5.5
    assert 2.0 <= attempts.pause(LOST) <= 2.2
    assert 4.0 <= attempts.pause(LOST) <= 4.4
    with pytest.raises(client_errors.WorkerLost):
        attempts.pause(LOST)


@pytest.mark.parametrize(
    ("error", "end"),
    [(REFUSED, math.inf), (QUEUE(""), math.inf), (QUEUE("", retry_after=61.0), math.inf), (LOST, 0.0)],
    ids=["refus", "sans délai", "délai trop long", "échéance"],
)
def test_what_is_not_tried_again(error: client_errors.PasserelleError, end: float) -> None:
    with pytest.raises(type(error)):
        Attempts(Retry(), end or time.monotonic()).pause(error)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("gpu", ("gpu:8000", False)),
        ("gpu:9", ("gpu:9", False)),
        ("http://gpu:9/", ("gpu:9", False)),
        ("https://gpu", ("gpu:8000", True)),
        ("[::1]:9", ("[::1]:9", False)),
        ("unix:/run/x.sock", ("unix:/run/x.sock", False)),
    ],
)
def test_addresses(address: str, found: tuple[str, bool]) -> None:
    where, tls, _ = calls.target(address, None)
    assert (where, tls is not None) == found


@pytest.mark.parametrize("address", ["", "ftp://gpu", "http://gpu:8000/v1", "gpu:port"])
def test_a_wrong_address_is_said(address: str) -> None:
    with pytest.raises(ValueError):
        calls.target(address, None)


SPOKEN = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=10)


def sent(requests: Iterator[transcribe_pb2.StreamTranscribeRequest]) -> bytes:
    return b"".join(request.audio for request in requests)


def final(end: int, *, cut: bool = False) -> Event:
    return Event(final=audio_pb2.Segment(text=str(end), end_offset={"seconds": end}, cut=cut))


def test_a_cut_stream_is_resumed_where_the_server_says() -> None:
    audio = bytes(range(100))
    tape = Tape((audio[at : at + 7] for at in range(0, 100, 7)), SPOKEN)
    course = Course(tape, transcribe_pb2.StreamTranscribeConfig())
    assert sent(tape.requests(course.config())) == audio
    events = [final(1), final(2, cut=True), Event(summary=transcribe_pb2.StreamSummary())]
    assert [shown for event in events for shown in course.take(event)] == events[:1] and course.advanced
    course.resume(client_errors.ShuttingDown("", metadata={"resume_sample": "13"}))
    config = course.config()
    assert config.resume_sample == 13 and not course.advanced
    assert sent(tape.requests(config)) == audio[26:]
    # Sans rang : à la fin de la dernière phrase, jamais avant le point déjà dit.
    assert list(course.take(final(2))) and not course.rest()
    course.resume(client_errors.ServerUnreachable(""))
    assert sent(tape.requests(course.config())) == audio[40:]


def test_held_events_are_given_when_nothing_follows() -> None:
    course = Course(Tape((), SPOKEN), transcribe_pb2.StreamTranscribeConfig())
    events = [final(2, cut=True), Event(summary=transcribe_pb2.StreamSummary())]
    assert not [shown for event in events for shown in course.take(event)]
    assert course.rest() == events and not course.rest()


@pytest.mark.parametrize(
    ("error", "follows"),
    [
        (client_errors.ShuttingDown(""), True),
        (client_errors.WorkerLost(""), True),
        (client_errors.WorkerKilled(""), True),
        (client_errors.ServerUnreachable(""), True),
        (client_errors.DeadlineExceeded("", metadata={"field": "max_stream_duration"}), True),
        (client_errors.DeadlineExceeded("", metadata={"field": "max_stream_silence"}), False),
        (client_errors.DeadlineExceeded(""), False),
        (client_errors.RequestCancelled(""), False),
        (client_errors.InvalidAudio(""), False),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_which_cuts_are_resumed(error: client_errors.PasserelleError, follows: bool) -> None:
    assert resumable(error) is follows


def test_a_live_source_says_its_format() -> None:
    with pytest.raises(ValueError, match="audio_format"):
        Tape((), audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_G722, sample_rate_hertz=16000))
