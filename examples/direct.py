"""Transcrit en direct un fichier, le microphone ou des échantillons bruts, avec les souches générées.

    python examples/direct.py --fichier reunion.wav
    python examples/direct.py --micro --langue fr
    arecord -q -t raw -f S16_LE -r 16000 -c 1 | python examples/direct.py --brut -

Les phrases finales vont sur la sortie standard, une par ligne ; le texte provisoire s'écrit en place dans un terminal.
Ctrl-C clôt le flux : le serveur rend ce qu'il a entendu, puis le bilan. Un second Ctrl-C abandonne. Un flux que le
serveur coupe (arrêt, exemplaire perdu, durée permise) est repris dans un autre, là où il le dit : ni trou, ni redite.
"""

import argparse
import contextlib
import queue
import signal
import sys
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from passerelle.v1 import audio_pb2, transcribe_pb2, transcribe_pb2_grpc

Request = transcribe_pb2.StreamTranscribeRequest

ENCODINGS = {
    "s16": (audio_pb2.AUDIO_ENCODING_PCM_S16LE, 2),
    "s24": (audio_pb2.AUDIO_ENCODING_PCM_S24LE, 3),
    "s32": (audio_pb2.AUDIO_ENCODING_PCM_S32LE, 4),
    "f32": (audio_pb2.AUDIO_ENCODING_PCM_F32LE, 4),
    "mulaw": (audio_pb2.AUDIO_ENCODING_MULAW, 1),
    "alaw": (audio_pb2.AUDIO_ENCODING_ALAW, 1),
}
CHUNK_SECONDS = 0.1
"""Durée d'un morceau : plus court, il coûte sans rien apporter ; plus long, il retarde le texte."""
RESUMED = ("SHUTTING_DOWN", "WORKER_LOST", "DEADLINE_EXCEEDED")
"""Erreurs après lesquelles un autre flux reprend."""
TRIES = 5
"""Flux coupés de suite, sans une phrase finie, avant de renoncer."""
PAUSE_SECONDS = 0.5
"""Attente avant chacun."""


KEEPALIVE = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""Une connexion coupée en silence se voit en 30 s ; les autres réglages d'un client : `reglages.py`."""


@dataclass(frozen=True)
class Source:
    """De l'audio brut, et ce qu'il faut en dire au serveur."""

    encoding: str
    rate: int
    channels: int
    chunks: Iterator[bytes]
    live: bool
    """Vrai s'il vient de lui-même à la vitesse de la parole."""

    @property
    def frame_bytes(self) -> int:
        """Octets d'un échantillon de tous les canaux."""
        return ENCODINGS[self.encoding][1] * self.channels

    @property
    def bytes_per_second(self) -> int:
        """Débit."""
        return self.frame_bytes * self.rate

    @property
    def audio_format(self) -> audio_pb2.AudioFormat:
        """Description pour le serveur."""
        return audio_pb2.AudioFormat(
            encoding=ENCODINGS[self.encoding][0], sample_rate_hertz=self.rate, channel_count=self.channels
        )


def main() -> int:
    """Lit la ligne de commande, mène le flux, rend le code de sortie."""
    with contextlib.ExitStack() as files:
        return run(parse(), files)


def run(options: argparse.Namespace, files: contextlib.ExitStack) -> int:
    """Mène un flux."""
    stop = threading.Event()
    source = open_source(options, stop, files)
    tape = Tape(source)
    config = transcribe_pb2.StreamTranscribeConfig(
        config=transcribe_pb2.TranscribeConfig(
            model=options.modele, language=options.langue, audio_format=source.audio_format
        ),
        endpoint_silence=seconds(options.silence),
        max_utterance=seconds(options.phrase),
    )
    metadata = (("authorization", f"Bearer {options.cle}"),) if options.cle else ()
    with grpc.insecure_channel(options.adresse, options=KEEPALIVE) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        calls: list[Any] = []

        def interrupted(_number: int, _frame: object) -> None:
            if stop.is_set() and calls:
                calls[-1].cancel()
            stop.set()

        signal.signal(signal.SIGINT, interrupted)
        listener = Listener(tape, partials=options.provisoires or sys.stdout.isatty())
        tries = TRIES
        while True:
            config.resume_sample = begun = tape.first
            calls.append(stub.StreamTranscribe(requests(config, tape, stop, fast=options.vite), metadata=metadata))
            try:
                listener.listen(calls[-1])
                return 0
            except grpc.RpcError as error:
                tries = tries - 1 if tape.first == begun else TRIES
                point = resume_point(error)
                if point is None or not tries or stop.is_set():
                    listener.give_up()
                    failure: Any = error
                    print(f"{failure.code().name} : {failure.details()}", file=sys.stderr)
                    return 1
                listener.resume(point)
                print(f"flux coupé, repris à {tape.first / source.rate:.2f} s", file=sys.stderr)
                stop.wait(PAUSE_SECONDS)


def resume_point(error: grpc.RpcError) -> int | None:
    """Échantillon où reprendre, que dit le serveur, ou -1 s'il n'a rien pu dire ; `None` si rien n'est à reprendre."""
    failure: Any = error
    for key, value in failure.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    resumed = info.reason in RESUMED and info.metadata.get("field") != "max_stream_silence"
                    return int(info.metadata.get("resume_sample", -1)) if resumed else None
    return -1 if failure.code() == grpc.StatusCode.UNAVAILABLE else None


def parse() -> argparse.Namespace:
    """Ligne de commande."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, add_help=False
    )
    parser.add_argument("-h", "--help", "--aide", action="help", help="affiche cette aide")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--fichier", metavar="CHEMIN", help="fichier WAV, ou tout format que PyAV sait lire s'il est là")
    kind.add_argument("--micro", action="store_true", help="microphone par défaut (paquet sounddevice)")
    kind.add_argument("--brut", metavar="CHEMIN", help="échantillons sans en-tête ; « - » : l'entrée standard")
    parser.add_argument("--adresse", default="127.0.0.1:8000", help="hôte et port (défaut : %(default)s)")
    parser.add_argument("--cle", default="", help="clé d'accès, si le serveur en demande une")
    parser.add_argument("--modele", default="", help="clé ou alias ; par défaut, le seul modèle de transcription")
    parser.add_argument("--langue", help="code ISO 639-1 ; absent, la langue est reconnue")
    parser.add_argument("--silence", type=float, help="secondes de silence qui closent une phrase")
    parser.add_argument("--phrase", type=float, help="secondes au-delà desquelles une phrase est coupée")
    parser.add_argument("--vite", action="store_true", help="envoie aussi vite que le serveur l'accepte")
    parser.add_argument(
        "--provisoires", action="store_true", help="écrit les textes provisoires hors d'un terminal aussi"
    )
    parser.add_argument("--codage", choices=sorted(ENCODINGS), default="s16", help="de --brut (défaut : %(default)s)")
    parser.add_argument("--frequence", type=int, default=16000, help="de --brut et --micro (défaut : %(default)s)")
    parser.add_argument("--canaux", type=int, default=1, help="de --brut (défaut : %(default)s)")
    return parser.parse_args()


def seconds(value: float | None) -> Duration | None:
    """Durée protobuf."""
    if value is None:
        return None
    found = Duration()
    found.FromMicroseconds(round(value * 1e6))
    return found


def open_source(options: argparse.Namespace, stop: threading.Event, files: contextlib.ExitStack) -> Source:
    """L'audio demandé ; `files` referme ce qui est ouvert."""
    if options.micro:
        return microphone(options.frequence, stop)
    if options.brut:
        file: BinaryIO = sys.stdin.buffer if options.brut == "-" else files.enter_context(open(options.brut, "rb"))
        size = ENCODINGS[options.codage][1] * options.canaux * int(options.frequence * CHUNK_SECONDS)
        # `read1` rend ce qui est là : un tube d'enregistrement n'attend pas d'avoir rempli un morceau.
        read = getattr(file, "read1", file.read)
        chunks = iter(lambda: read(size), b"")
        return Source(options.codage, options.frequence, options.canaux, chunks, live=options.brut == "-")
    with contextlib.suppress(wave.Error):
        return wav_file(options.fichier, files)
    return any_file(options.fichier, files)


def wav_file(path: str, files: contextlib.ExitStack) -> Source:
    """Fichier WAV, par la bibliothèque standard.

    Raises:
        wave.Error: autre format, ou codage que le serveur ne prend pas en échantillons bruts.
    """
    audio = files.enter_context(wave.open(path, "rb"))
    width = audio.getsampwidth()
    if width == 1:
        raise wave.Error("échantillons de 8 bits non signés")
    frames = int(audio.getframerate() * CHUNK_SECONDS)
    chunks = iter(lambda: audio.readframes(frames), b"")
    return Source(f"s{8 * width}", audio.getframerate(), audio.getnchannels(), chunks, live=False)


def any_file(path: str, files: contextlib.ExitStack) -> Source:
    """Tout autre fichier, décodé par PyAV."""
    try:
        import av
    except ImportError:
        sys.exit(f"{path} n'est pas un WAV simple : installez PyAV (pip install av) pour le lire.")
    container = files.enter_context(av.open(path))
    rate = container.streams.audio[0].rate

    def chunks() -> Iterator[bytes]:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray().tobytes()

    return Source("s16", rate, 1, chunks(), live=False)


def microphone(rate: int, stop: threading.Event) -> Source:
    """Microphone par défaut, jusqu'à Ctrl-C."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        sys.exit(f"--micro demande le paquet sounddevice et PortAudio (pip install sounddevice) : {error}")
    heard: queue.Queue[bytes] = queue.Queue()

    def chunks() -> Iterator[bytes]:
        with sounddevice.RawInputStream(
            samplerate=rate,
            channels=1,
            dtype="int16",
            blocksize=int(rate * CHUNK_SECONDS),
            callback=lambda data, *_: heard.put(bytes(data)),
        ):
            while not stop.is_set():
                with contextlib.suppress(queue.Empty):
                    yield heard.get(timeout=0.1)

    return Source("s16", rate, 1, chunks(), live=True)


class Tape:
    """L'audio d'une source, gardé depuis le point où un autre flux aurait à le reprendre."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.first = 0
        """Rang du premier échantillon gardé."""
        self._kept = bytearray()
        # Le fil d'un flux coupé peut attendre encore la source quand le suivant commence.
        self._reading = threading.Lock()
        self._changing = threading.Lock()

    def read(self, at: int) -> bytes:
        """Octets de l'audio à partir de `at`, compté depuis son début ; vide à la fin."""
        source = self.source
        with self._reading:
            if at >= self.first * source.frame_bytes + len(self._kept):
                chunk = next(source.chunks, b"")
                with self._changing:
                    self._kept += chunk
        with self._changing:
            skipped = max(0, at - self.first * source.frame_bytes)
            return bytes(self._kept[skipped : skipped + int(CHUNK_SECONDS * source.rate) * source.frame_bytes])

    def forget(self, sample: int) -> None:
        """Un flux qui reprendrait commencerait à cet échantillon, ou après."""
        with self._changing:
            frames = min(max(0, sample - self.first), len(self._kept) // self.source.frame_bytes)
            del self._kept[: frames * self.source.frame_bytes]
            self.first += frames


def requests(
    config: transcribe_pb2.StreamTranscribeConfig, tape: Tape, stop: threading.Event, *, fast: bool
) -> Iterator[Request]:
    """La configuration, puis l'audio ; gRPC attend de lui-même quand le serveur n'a plus de place."""
    source = tape.source
    begun = at = tape.first * source.frame_bytes
    yield Request(config=config)
    started = time.monotonic()
    while not stop.is_set() and (chunk := tape.read(at)):
        yield Request(audio=chunk)
        at += len(chunk)
        if not (fast or source.live):
            stop.wait(max(0.0, started + (at - begun) / source.bytes_per_second - time.monotonic()))


class Listener:
    """Écrit ce que rendent les flux qui se suivent."""

    def __init__(self, tape: Tape, *, partials: bool) -> None:
        self._tape = tape
        self._partials = partials
        self._terminal = sys.stdout.isatty()
        self._text = ""
        self._cut: list[audio_pb2.Segment] = []

    def listen(self, events: Any) -> None:
        """Écrit ce que rend un flux, jusqu'à son bilan."""
        for event in events:
            match event.WhichOneof("event"):
                case "partial":
                    self._show(event.partial)
                case "final" if event.final.cut:
                    # Si le serveur coupe le flux, elle sera rendue entière par le suivant.
                    self._cut.append(event.final)
                case "final":
                    self._write(event.final)
                    self._tape.forget(event.final.end_offset.ToMicroseconds() * self._tape.source.rate // 1_000_000)
                case "summary":
                    summary = event.summary
        self.give_up()
        covered, spoken = (clock(d) for d in (summary.coverage.covered_duration, summary.coverage.speech_duration))
        print(f"{covered} d'audio, {spoken} de parole, langue : {summary.language or 'inconnue'}", file=sys.stderr)

    def resume(self, sample: int) -> None:
        """Un autre flux reprend à cet échantillon, ou après la dernière phrase s'il n'est pas connu (-1)."""
        self._cut.clear()
        self._tape.forget(sample)

    def give_up(self) -> None:
        """Aucun autre flux ne suivra : les phrases coupées valent ce qu'elles valent."""
        for final in self._cut:
            self._write(final)
        self._cut.clear()

    def _show(self, partial: transcribe_pb2.PartialTranscript) -> None:
        # Seule la suite voyage : elle remplace ce qui suit les caractères conservés.
        self._text = self._text[: partial.kept_length] + partial.text
        if self._partials:
            line = f"\r\x1b[K… {self._text[-100:]}" if self._terminal else f"… {self._text}"
            print(line, end="" if self._terminal else "\n", flush=True)

    def _write(self, final: audio_pb2.Segment) -> None:
        clear = "\r\x1b[K" if self._terminal else ""
        print(f"{clear}[{clock(final.start_offset)} → {clock(final.end_offset)}] {final.text}", flush=True)


def clock(value: Duration) -> str:
    """Durée en minutes et secondes."""
    minutes, rest = divmod(value.ToMicroseconds() / 1e6, 60)
    return f"{int(minutes):02d}:{rest:05.2f}"


if __name__ == "__main__":
    sys.exit(main())
