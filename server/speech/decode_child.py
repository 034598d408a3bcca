"""Le processus qui décode un fichier reçu : rien ne s'y fie à l'en-tête, et il ne peut rien ouvrir d'autre.

Lancé seul (`python -I decode_child.py`), il n'importe rien de Passerelle. Il lit une ligne JSON sur l'entrée, ouvre le
fichier, puis renonce à tout nouveau descripteur : ni fichier, ni prise réseau, ni processus. Le démultiplexeur est
imposé d'après les premiers octets, si bien qu'une liste de lecture n'est jamais suivie.

Sortie : des trames « genre (1 octet), longueur (4 octets gros-boutistes), contenu ». `H` : en-tête JSON ; `P` :
position lue dans le fichier (8 octets) puis échantillons flottants d'un canal ; `Z` : fin ; `E` : refus JSON.
"""

import contextlib
import io
import json
import os
import resource
import signal
import struct
import sys
from typing import Any, BinaryIO

import av
import av.error
import numpy as np

BLOCK_SECONDS = 2.0
_HOLE_SECONDS = 0.05

_SIGNATURES = (
    (b"\x1f\x8b", "une archive gzip"),
    (b"PK\x03\x04", "une archive zip"),
    (b"\x7fELF", "un programme"),
    (b"MZ", "un programme"),
    (b"\x89PNG", "une image PNG"),
    (b"\xff\xd8\xff", "une image JPEG"),
    (b"%PDF", "un document PDF"),
    (b"#EXTM3U", "une liste de lecture"),
    (b"ffconcat", "une liste de lecture"),
    (b"<", "un texte balisé"),
    (b"{", "un texte JSON"),
)


class Refusal(Exception):
    """Refus à rendre au client."""

    def __init__(self, reason: str, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.body = {"reason": reason, "message": message, "metadata": {k: str(v) for k, v in metadata.items()}}


def main() -> int:
    """Décode un fichier ; rend toujours 0, un refus étant une trame."""
    job = json.loads(sys.stdin.buffer.readline())
    out = sys.stdout.buffer
    try:
        with open(job["path"], "rb", buffering=1 << 20) as source:
            _warm_up(job["rate"])
            _lock_down(job)
            _decode(source, job, out)
    except Refusal as refusal:
        _write(out, b"E", json.dumps(refusal.body).encode())
    except MemoryError:
        body = Refusal("INVALID_AUDIO", "Le décodage de ce fichier demande trop de mémoire.", field="file").body
        _write(out, b"E", json.dumps(body).encode())
    except BrokenPipeError:
        os._exit(0)
    out.flush()
    return 0


def _warm_up(rate: int) -> None:
    """Fait un décodage minuscule : PyAV importe ses modules au premier usage, et plus rien ne s'ouvrira ensuite."""
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 68, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 32)
    with av.open(io.BytesIO(header + bytes(32)), "r", format="wav") as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for frame in container.decode(audio=0):
            for one in resampler.resample(frame):
                _mono(one)


def _lock_down(job: dict[str, Any]) -> None:
    """Renonce à tout ce dont le décodage n'a pas besoin."""
    av.logging.set_level(av.logging.PANIC)
    seconds = int(job["max_decode_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (job["max_memory_bytes"], job["max_memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # Tous les numéros sous cette borne sont pris : ni fichier, ni prise, ni tube ne peut plus s'ouvrir.
    used = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    highest = max(fd for fd in used if _is_open(fd))
    for fd in range(highest):
        if not _is_open(fd):
            os.dup2(0, fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, highest + 1))

    def too_long(_number: int, _frame: Any) -> None:
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"Le décodage a dépassé {seconds} secondes de processeur.",
            field="file",
            limit=seconds,
            value=seconds,
        )

    signal.signal(signal.SIGXCPU, too_long)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _decode(source: BinaryIO, job: dict[str, Any], out: BinaryIO) -> None:
    size = os.fstat(source.fileno()).st_size
    if not size:
        raise Refusal("INVALID_AUDIO", "Le fichier audio est vide.", field="file", value=0)
    head = source.read(64)
    source.seek(0)
    raw = job["raw_format"]
    options = {}
    if raw:
        name = raw
        options = {"sample_rate": str(job["raw_rate"]), "ch_layout": f"{job['raw_channels']}c"}
        _check_stream(job["raw_rate"], job["raw_channels"], job)
    else:
        name = _container(head)
    try:
        container = av.open(source, "r", format=name, options=options)
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(name, error) from error
    with container:
        stream = next((s for s in container.streams if s.type == "audio"), None)
        if stream is None:
            raise Refusal("INVALID_AUDIO", "Le fichier ne contient aucune piste audio.", field="file")
        _Run(container, stream, source, job, out).all()


def _container(head: bytes) -> str:
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    guess = next((label for magic, label in _SIGNATURES if head.lstrip().startswith(magic)), "un contenu inconnu")
    raise Refusal(
        "INVALID_AUDIO",
        f"Ce fichier n'est pas de l'audio connu : on y voit {guess} (acceptés : WAV, FLAC, MP3, OGG, WebM, M4A ; ou "
        "des échantillons bruts, avec encoding et sample_rate_hertz).",
        field="file",
        value=head[:8].hex(),
    )


def _unreadable(name: str, error: Exception) -> Refusal:
    detail = getattr(error, "strerror", None) or str(error)
    return Refusal("INVALID_AUDIO", f"Le fichier ({name}) est illisible ou tronqué.", field="file", detail=detail)


def _check_stream(rate: int, channels: int, job: dict[str, Any]) -> None:
    low, high = job["min_sample_rate_hertz"], job["max_sample_rate_hertz"]
    if not low <= rate <= high:
        limit = low if rate < low else high
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"sample_rate_hertz : la fréquence de {rate} Hz est hors des limites ({low} à {high} Hz).",
            field="sample_rate_hertz",
            limit=limit,
            value=rate,
        )
    if not 1 <= channels <= job["max_channels"]:
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"channel_count : {channels} canaux, hors des limites (1 à {job['max_channels']}).",
            field="channel_count",
            limit=job["max_channels"],
            value=channels,
        )


class _Run:
    """Décodage d'une piste, compté à mesure."""

    def __init__(self, container: Any, stream: Any, source: BinaryIO, job: dict[str, Any], out: BinaryIO) -> None:
        self._container = container
        self._stream = stream
        self._source = source
        self._job = job
        self._out = out
        self._rate = 0
        self._channels = 0
        self._frames = 0
        self._resampler: Any = None
        self._blocks: list[np.ndarray[Any, Any]] = []
        self._held = 0
        self._failure: Exception | None = None
        self._first_time = 0.0

    def all(self) -> None:
        """Écrit l'en-tête, tous les blocs, puis la fin."""
        self._declared()
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                break
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, ValueError) as error:
                self._failure = self._failure or error
                if isinstance(error, av.error.FFmpegError) and not isinstance(error, av.error.InvalidDataError):
                    break
                continue
            for frame in frames:
                self._frame(frame)
        if not self._frames:
            raise _unreadable(self._container.format.name, self._failure or ValueError("aucun échantillon"))
        if self._resampler is not None:
            for frame in self._resampler.resample(None):
                self._keep(_mono(frame))
        self._flush()
        _write(self._out, b"Z", json.dumps({"frames": self._frames, "rate": self._rate}).encode())

    def _declared(self) -> None:
        """Refuse ce que l'en-tête annonce déjà hors limites ; le décodage, lui, recompte."""
        context = self._stream.codec_context
        if context.sample_rate:
            _check_stream(context.sample_rate, max(1, context.channels), self._job)

    def _start(self, frame: Any) -> None:
        self._rate = frame.sample_rate
        self._channels = len(frame.layout.channels)
        _check_stream(self._rate, self._channels, self._job)
        rate, target = self._rate, self._job["rate"]
        if max(rate, target) // np.gcd(rate, target) > self._job["max_ratio_term"]:
            # Une fréquence sans rapport simple avec celle qui est voulue : son filtre exact serait démesuré.
            self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=target)
            rate = target
        header = {"rate": rate, "source_rate": self._rate, "channels": self._channels}
        _write(self._out, b"H", json.dumps(header).encode())

    def _frame(self, frame: Any) -> None:
        if not self._rate:
            self._start(frame)
        if self._failure is not None or self._hole(frame):
            # Du son après une erreur : le milieu manque. En toute fin, ce n'est qu'un fichier coupé.
            where = self._frames / self._rate
            raise Refusal(
                "INVALID_AUDIO", f"Le fichier est abîmé vers {where:.1f} s.", field="file", value=f"{where:.1f}"
            )
        if frame.sample_rate != self._rate or len(frame.layout.channels) != self._channels:
            raise Refusal(
                "INVALID_AUDIO", "La fréquence ou le nombre de canaux change au milieu du fichier.", field="file"
            )
        self._frames += frame.samples
        self._count()
        frames = self._resampler.resample(frame) if self._resampler is not None else (frame,)
        for one in frames:
            self._keep(_mono(one))

    def _hole(self, frame: Any) -> bool:
        """Vrai si le lecteur FLAC a sauté des trames abîmées, ce qu'il ne dit que par leur numéro."""
        if self._container.format.name != "flac" or frame.time is None:
            return False
        if not self._frames:
            self._first_time = frame.time
        missing: float = frame.time - self._first_time - self._frames / self._rate
        return missing > _HOLE_SECONDS

    def _count(self) -> None:
        seconds = self._frames / self._rate
        limit = self._job["max_audio_seconds"]
        if seconds > limit:
            raise Refusal(
                "AUDIO_LIMIT_EXCEEDED",
                f"L'audio dure plus de {limit:g} s, la limite.",
                field="file",
                limit=f"{limit:g}",
                value=f"{seconds:.1f}",
            )
        decoded = self._frames * self._channels * 4
        limit = self._job["max_decoded_bytes"]
        if decoded > limit:
            raise Refusal(
                "AUDIO_LIMIT_EXCEEDED",
                f"Le fichier gonfle à plus de {limit} octets d'audio décodé, la limite.",
                field="file",
                limit=limit,
                value=decoded,
            )

    def _keep(self, samples: "np.ndarray[Any, Any]") -> None:
        if not np.isfinite(samples).all():
            where = self._frames / self._rate
            raise Refusal(
                "INVALID_AUDIO",
                f"Le fichier contient des échantillons qui ne sont pas des nombres finis, vers {where:.1f} s.",
                field="file",
                value="NaN ou Inf",
            )
        self._blocks.append(np.clip(samples, -1.0, 1.0))
        self._held += len(samples)
        if self._held >= BLOCK_SECONDS * self._rate:
            self._flush()

    def _flush(self) -> None:
        if not self._blocks:
            return
        block = np.concatenate(self._blocks)
        self._blocks, self._held = [], 0
        _write(self._out, b"P", struct.pack(">Q", self._source.tell()) + block.tobytes())


def _mono(frame: Any) -> "np.ndarray[Any, Any]":
    """Moyenne des canaux."""
    data = frame.to_ndarray()
    count = len(frame.layout.channels)
    if not frame.format.is_planar and count > 1:
        data = data.reshape(-1, count).T
    if data.dtype == np.uint8:
        wave = (data.astype(np.float32) - 128.0) / 128.0
    elif data.dtype.kind == "i":
        wave = data.astype(np.float32) / float(-np.iinfo(data.dtype).min)
    else:
        wave = data.astype(np.float32, copy=False)
    if wave.ndim == 1 or len(wave) == 1:
        alone: np.ndarray[Any, Any] = wave.reshape(-1)
        return alone
    mixed: np.ndarray[Any, Any] = wave.mean(axis=0, dtype=np.float32)
    return mixed


def _write(out: BinaryIO, kind: bytes, data: bytes) -> None:
    out.write(kind + len(data).to_bytes(4, "big"))
    out.write(data)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
