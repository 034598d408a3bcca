"""La transcription en direct : un WAV, ou des échantillons bruts par l'entrée standard."""

import contextlib
import signal
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
from passerelle.v1 import audio_pb2, model_pb2, transcribe_pb2, transcribe_pb2_grpc

from server.cli import show
from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.models import chosen, model_option
from server.formats.api import ENCODINGS, seconds

_CHUNK_SECONDS = 0.1
_SHOWN_CHARACTERS = 100


@click.command(
    help="Transcrit en direct un WAV, ou « - » : des échantillons bruts de 16 bits, un canal, par l'entrée standard."
)
@click.argument("file", metavar="FICHIER", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@model_option()
@click.option("--language", help="Langue parlée (fr, fr-FR, français) ; sinon reconnue.")
@click.option("--rate", type=click.IntRange(1), help="Échantillons par seconde de l'entrée standard (16000).")
@click.pass_obj
def live(session: Session, file: str, model: str | None, language: str | None, rate: int | None) -> None:
    """Transcription en direct ; Ctrl-C clôt le flux, un second l'abandonne."""
    if rate and file != "-":
        raise click.UsageError("--rate ne vaut que pour l'entrée standard.")
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        if file == "-":
            audio, chunks = _raw(sys.stdin.buffer, rate or 16000)
        else:
            audio, chunks = stack.enter_context(_wav(Path(file)))
        channel = stack.enter_context(session.server.channel())
        model = chosen(channel, model, model_pb2.CAPABILITY_TRANSCRIBE)
        config = transcribe_pb2.StreamTranscribeConfig(
            config=transcribe_pb2.TranscribeConfig(model=model, language=language, audio_format=audio),
            interim_results=sys.stdout.isatty() or session.as_json,
        )
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        events = stub.StreamTranscribe(_requests(config, chunks, stop), metadata=session.server.metadata())

        def interrupted(_number: int, _frame: object) -> None:
            if stop.is_set():
                events.cancel()
            stop.set()

        previous = signal.signal(signal.SIGINT, interrupted)
        stack.callback(signal.signal, signal.SIGINT, previous)
        _write(session, events)


def _raw(stream: BinaryIO, rate: int) -> tuple[audio_pb2.AudioFormat, Iterator[bytes]]:
    # `read1` rend ce qui est là : un enregistrement en cours n'attend pas d'avoir rempli un morceau.
    read = getattr(stream, "read1", stream.read)
    size = 2 * int(rate * _CHUNK_SECONDS) or 2
    return audio_pb2.AudioFormat(
        encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=rate, channel_count=1
    ), iter(lambda: read(size), b"")


@contextlib.contextmanager
def _wav(path: Path) -> Iterator[tuple[audio_pb2.AudioFormat, Iterator[bytes]]]:
    try:
        with wave.open(str(path), "rb") as audio:
            bits = 8 * audio.getsampwidth()
            encoding = ENCODINGS.get(f"pcm_s{bits}le")
            if encoding is None:
                raise wave.Error(f"échantillons de {bits} bits ; 16, 24 et 32 sont lus")
            found = audio_pb2.AudioFormat(
                encoding=encoding, sample_rate_hertz=audio.getframerate(), channel_count=audio.getnchannels()
            )
            frames = int(audio.getframerate() * _CHUNK_SECONDS) or 1
            yield found, iter(lambda: audio.readframes(frames), b"")
    except (wave.Error, EOFError) as error:
        raise CommandError(f"{path} n'est pas un WAV d'échantillons ({error}).", reason="INVALID_AUDIO") from error


def _requests(config: transcribe_pb2.StreamTranscribeConfig, chunks: Iterator[bytes], stop: threading.Event) -> Any:
    """La configuration, puis l'audio ; gRPC attend de lui-même quand le serveur n'a plus de place."""
    yield transcribe_pb2.StreamTranscribeRequest(config=config)
    for chunk in chunks:
        if stop.is_set():
            return
        yield transcribe_pb2.StreamTranscribeRequest(audio=chunk)


def _write(session: Session, events: Any) -> None:
    """Écrit les phrases finales ; le texte provisoire, en place, dans un terminal seulement."""
    text = ""
    for event in events:
        if session.as_json:
            show.message(event, one_line=True)
            continue
        clear = "\r\x1b[K" if sys.stdout.isatty() else ""
        match event.WhichOneof("event"):
            case "partial":
                # Seule la suite voyage : elle remplace ce qui suit les caractères conservés.
                text = text[: event.partial.kept_length] + event.partial.text
                click.echo(f"{clear}… {text[-_SHOWN_CHARACTERS:]}", nl=False)
            case "final":
                start, end = seconds(event.final.start_offset), seconds(event.final.end_offset)
                click.echo(f"{clear}{show.clock(start)} – {show.clock(end)}  {event.final.text}")
            case "summary":
                heard = show.clock(seconds(event.summary.coverage.covered_duration))
                click.echo(f"{clear}{heard} d'audio entendues", err=True)


VERBS = (live,)
