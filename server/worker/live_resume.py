"""Reprendre un flux coupé : ce qu'un autre flux doit entendre de nouveau, et des instants qui continuent.

Les instants d'un flux se comptent depuis le début de l'audio du client, que ce flux n'a peut-être pas entendu : ils
sont décalés à l'envoi, et rien d'autre n'a à le savoir.
"""

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, transcribe_pb2

from server.engines.base_audio import SAMPLE_RATE


class Resume:
    """Place d'un flux dans l'audio de son client."""

    def __init__(self, first_sample: int, rate: int) -> None:
        """`first_sample` : rang, dans cet audio, du premier échantillon de ce flux."""
        self._first = first_sample
        self._rate = rate
        self._shift = round(first_sample * 1_000_000 / rate)
        self._cut_at: int | None = None

    def end(self, unfinished: int) -> None:
        """Le flux finit : `unfinished`, à 16 kHz, est le premier échantillon qu'aucune phrase finie n'a pris."""
        self._cut_at = unfinished

    def cuts(self, start: int) -> bool:
        """Vrai si une phrase qui commence là, à 16 kHz, n'a pas fini : la fin du flux l'a coupée."""
        return self._cut_at is not None and start >= self._cut_at

    def sample(self) -> int:
        """Rang de l'échantillon où reprendre, une fois le flux fini."""
        assert self._cut_at is not None
        return self._first + self._cut_at * self._rate // SAMPLE_RATE

    def placed(self, message: transcribe_pb2.StreamTranscribeResponse) -> transcribe_pb2.StreamTranscribeResponse:
        """Le message, ses instants comptés depuis le début de l'audio du client."""
        if not self._shift:
            return message
        match message.WhichOneof("event"):
            case "speech_start":
                self._move(message.speech_start.offset)
            case "speech_end":
                self._move(message.speech_end.offset)
            case "progress":
                self._move(message.progress.offset)
            case "final":
                self._move_span(message.final)
                for word in message.final.words:
                    self._move_span(word)
            case "summary":
                for span in message.summary.coverage.speech_without_words:
                    self._move_span(span)
        return message

    def _move_span(self, span: audio_pb2.Segment | audio_pb2.Word | audio_pb2.TimeRange) -> None:
        self._move(span.start_offset)
        self._move(span.end_offset)

    def _move(self, offset: Duration) -> None:
        offset.FromMicroseconds(offset.ToMicroseconds() + self._shift)
