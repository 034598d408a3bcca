"""Le direct : l'audio gardé, et où reprendre un flux coupé (docs/audio.md)."""

import threading
from collections.abc import Iterable, Iterator

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, transcribe_pb2

from passerelle_client.calls import AGAIN
from passerelle_client.errors import DeadlineExceeded, PasserelleError

Event = transcribe_pb2.StreamTranscribeResponse
SAMPLE_BYTES = {
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: 2,
    audio_pb2.AUDIO_ENCODING_PCM_S24LE: 3,
    audio_pb2.AUDIO_ENCODING_PCM_S32LE: 4,
    audio_pb2.AUDIO_ENCODING_PCM_F32LE: 4,
    audio_pb2.AUDIO_ENCODING_MULAW: 1,
    audio_pb2.AUDIO_ENCODING_ALAW: 1,
}
CHUNK_SECONDS = 0.1


class Tape:
    """L'audio d'une source, gardé depuis le point où un autre flux aurait à le reprendre."""

    def __init__(self, audio: Iterable[bytes], spoken: audio_pb2.AudioFormat) -> None:
        """
        Raises:
            ValueError: `spoken` n'est pas celui d'échantillons bruts.
        """  # fmt: skip
        if spoken.encoding not in SAMPLE_BYTES or not spoken.sample_rate_hertz:
            raise ValueError("config.audio_format : un direct demande un codage d'échantillons bruts et sa fréquence")
        self.rate = spoken.sample_rate_hertz
        self.first = 0
        """Rang du premier échantillon gardé."""
        self.failed: Exception | None = None
        """Ce que la source a levé, et qui a clos l'envoi."""
        self._frame = SAMPLE_BYTES[spoken.encoding] * (spoken.channel_count or 1)
        self._chunks = iter(audio)
        self._kept = bytearray()
        # Le fil d'un flux coupé peut attendre encore la source quand le suivant commence.
        self._reading = threading.Lock()
        self._changing = threading.Lock()

    def requests(
        self, config: transcribe_pb2.StreamTranscribeConfig
    ) -> Iterator[transcribe_pb2.StreamTranscribeRequest]:
        """La configuration, puis l'audio à partir de son `resume_sample`."""
        yield transcribe_pb2.StreamTranscribeRequest(config=config)
        at = config.resume_sample * self._frame
        while chunk := self._read(at):
            yield transcribe_pb2.StreamTranscribeRequest(audio=chunk)
            at += len(chunk)

    def forget(self, sample: int) -> None:
        """Un flux qui reprendrait commencerait à cet échantillon, ou après."""
        with self._changing:
            frames = min(max(0, sample - self.first), len(self._kept) // self._frame)
            del self._kept[: frames * self._frame]
            self.first += frames

    def _read(self, at: int) -> bytes:
        while not (found := self._from(at)):
            with self._reading:
                if found := self._from(at):
                    break
                try:
                    chunk = next(self._chunks)
                except StopIteration:
                    break
                except Exception as error:
                    # L'envoi est clos : ce qui est déjà dit est rendu avant que `live` ne la lève.
                    self.failed = error
                    break
                with self._changing:
                    self._kept += chunk
        return found

    def _from(self, at: int) -> bytes:
        with self._changing:
            skipped = max(0, at - self.first * self._frame)
            return bytes(self._kept[skipped : skipped + max(1, int(CHUNK_SECONDS * self.rate)) * self._frame])


class Course:
    """Ce qu'un direct rend de flux qui se suivent : ni trou, ni redite."""

    def __init__(self, tape: Tape, config: transcribe_pb2.StreamTranscribeConfig) -> None:
        self._tape = tape
        self._config = config
        self._held: list[Event] = []
        self._begun = -1

    def config(self) -> transcribe_pb2.StreamTranscribeConfig:
        """Réglages du flux qui commence."""
        self._begun = self._tape.first
        found = transcribe_pb2.StreamTranscribeConfig()
        found.CopyFrom(self._config)
        found.resume_sample = self._begun
        return found

    @property
    def advanced(self) -> bool:
        """Vrai si ce flux a fini une phrase."""
        return self._tape.first > self._begun

    def take(self, event: Event) -> Iterator[Event]:
        """Ce qui peut être rendu aussitôt ; une phrase coupée et le bilan attendent de savoir si un flux suit."""
        if self._held or event.HasField("summary") or (event.HasField("final") and event.final.cut):
            self._held.append(event)
            return
        if event.HasField("final"):
            self._tape.forget(sample_of(event.final.end_offset, self._tape.rate))
        yield event

    def rest(self) -> list[Event]:
        """Ce qui attendait : aucun flux ne suit."""
        held, self._held = self._held, []
        return held

    def resume(self, error: PasserelleError) -> None:
        """Prépare le flux suivant, là où le serveur le dit, sinon après la dernière phrase finie."""
        self._held.clear()
        self._tape.forget(int(error.metadata.get("resume_sample", "0")))


def resumable(error: PasserelleError) -> bool:
    """Vrai d'une coupure après laquelle un autre flux reprend : arrêt, exemplaire perdu, durée permise."""
    if isinstance(error, DeadlineExceeded):
        return error.metadata.get("field") == "max_stream_duration"
    return isinstance(error, AGAIN) or error.retry_after is not None


def sample_of(offset: Duration, rate: int) -> int:
    """Échantillon d'un instant."""
    return offset.ToMicroseconds() * rate // 1_000_000
