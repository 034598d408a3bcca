"""Transcrit en direct un fichier, le microphone ou des échantillons bruts, avec les souches générées.

    python examples/direct.py --fichier reunion.wav
    python examples/direct.py --micro --langue fr
    arecord -q -t raw -f S16_LE -r 16000 -c 1 | python examples/direct.py --brut -

Les phrases finales vont sur la sortie standard, une par ligne ; le texte provisoire s'écrit en place dans un terminal.
Ctrl-C clôt le flux : le serveur rend ce qu'il a entendu, puis le bilan. Un second Ctrl-C abandonne.
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
    def bytes_per_second(self) -> int:
        """Débit."""
        return ENCODINGS[self.encoding][1] * self.channels * self.rate

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
        call = stub.StreamTranscribe(requests(config, source, stop, fast=options.vite), metadata=metadata)

        def interrupted(_number: int, _frame: object) -> None:
            if stop.is_set():
                call.cancel()
            stop.set()

        signal.signal(signal.SIGINT, interrupted)
        try:
            show(call, partials=options.provisoires or sys.stdout.isatty())
        except grpc.RpcError as error:
            failure: Any = error
            print(f"{failure.code().name} : {failure.details()}", file=sys.stderr)
            return 1
    return 0


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


def requests(
    config: transcribe_pb2.StreamTranscribeConfig, source: Source, stop: threading.Event, *, fast: bool
) -> Iterator[Request]:
    """La configuration, puis l'audio ; gRPC attend de lui-même quand le serveur n'a plus de place."""
    yield Request(config=config)
    started, sent = time.monotonic(), 0
    for chunk in source.chunks:
        if stop.is_set():
            return
        yield Request(audio=chunk)
        sent += len(chunk)
        if not (fast or source.live):
            stop.wait(max(0.0, started + sent / source.bytes_per_second - time.monotonic()))


def show(events: Any, *, partials: bool) -> None:
    """Écrit ce que rend le flux."""
    terminal, text = sys.stdout.isatty(), ""
    for event in events:
        match event.WhichOneof("event"):
            case "partial":
                # Seule la suite voyage : elle remplace ce qui suit les caractères conservés.
                text = text[: event.partial.kept_length] + event.partial.text
                if partials:
                    print(
                        f"\r\x1b[K… {text[-100:]}" if terminal else f"… {text}",
                        end="" if terminal else "\n",
                        flush=True,
                    )
            case "final":
                clear = "\r\x1b[K" if terminal else ""
                start, end = (clock(d) for d in (event.final.start_offset, event.final.end_offset))
                print(f"{clear}[{start} → {end}] {event.final.text}", flush=True)
            case "summary":
                coverage = event.summary.coverage
                print(
                    f"{clock(coverage.covered_duration)} d'audio, {clock(coverage.speech_duration)} de parole, "
                    f"langue : {event.summary.language or 'inconnue'}",
                    file=sys.stderr,
                )


def clock(value: Duration) -> str:
    """Durée en minutes et secondes."""
    minutes, rest = divmod(value.ToMicroseconds() / 1e6, 60)
    return f"{int(minutes):02d}:{rest:05.2f}"


if __name__ == "__main__":
    sys.exit(main())
