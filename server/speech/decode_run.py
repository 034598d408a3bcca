"""Le décodage d'un fichier, dans l'enfant qui ne peut rien ouvrir d'autre ; tout y est compté, rien n'est cru.

Sortie : des trames « genre (1 octet), longueur (4 octets gros-boutistes), contenu ». `H` : en-tête JSON ; `P` :
position lue dans le fichier (8 octets) puis échantillons flottants, canal après canal ; `Z` : fin, et ce qu'un client
doit savoir ; `E` : refus JSON.
"""

import json
import os
import struct
from typing import Any, BinaryIO

import av
import av.error
import numpy as np

from server.speech.decode_account import Told, warnings
from server.speech.decode_mix import Mixer
from server.speech.decode_open import Refusal, check_stream, recognised, track, unreadable
from server.speech.decode_sizes import Sized, sized
from server.speech.decode_tail import SILENT_BYTES
from server.speech.decode_view import View

BLOCK_SECONDS = 2.0
_HOLE_SECONDS = 0.05
_GAP_SECONDS = 0.2


def write(out: BinaryIO, kind: bytes, data: bytes) -> None:
    """Écrit une trame."""
    out.write(kind + len(data).to_bytes(4, "big"))
    out.write(data)
    out.flush()


def decode(source: BinaryIO, job: dict[str, Any], out: BinaryIO) -> None:
    """Décode le fichier, sa piste par défaut.

    Raises:
        Refusal: format inconnu, fichier abîmé ou hors limites.
    """
    size = os.fstat(source.fileno()).st_size
    if not size:
        raise Refusal("INVALID_AUDIO", "Le fichier audio est vide.", field="file", value=0)
    whole = View(source, [(0, size)])
    name, options, start, skipped = recognised(whole, job)
    read = Sized(whole) if options else sized(source, start, size)
    try:
        opened = av.open(read.view, "r", format=name, options=options)
    except (av.error.FFmpegError, ValueError) as error:
        raise unreadable(name, error) from error
    with opened:
        stream, rank, count = track(opened)
        run = _Run(opened, stream, read, job, out)
        run.source |= {"container": name, "track": rank, "tracks": count}
        run.skipped = skipped
        run.all()


class _Run:
    """Décodage d'une piste, compté à mesure."""

    def __init__(self, opened: Any, stream: Any, read: Sized, job: dict[str, Any], out: BinaryIO) -> None:
        self._opened = opened
        self._stream = stream
        self._read = read
        self._job = job
        self._out = out
        self.source: dict[str, Any] = {"codec": stream.codec_context.name}
        self.skipped = 0
        """Octets passés au début, sans les comprendre."""
        self._rate = 0
        self._sent_rate = 0
        self._channels = 0
        self._frames = 0
        self._resampler: Any = None
        self._mixer: Mixer | None = None
        self._blocks: list[np.ndarray[Any, Any]] = []
        self._held = 0
        self._failure: Exception | None = None
        self._first_time = 0.0
        self._seen = 0
        """Fin du dernier paquet lu."""
        self._reached = 0
        """Fin du dernier paquet dont quelque chose est sorti, ou qui n'est pas de cette piste."""
        self._largest = self._stuffed = 0
        self._next_time: float | None = None
        self._gaps: list[tuple[float, float]] = []
        """Instant et durée de ce que le temps du conteneur saute."""

    def all(self) -> None:
        """Écrit l'en-tête, tous les blocs, puis la fin."""
        self._declared()
        packets = self._opened.demux()
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                break
            except av.error.InvalidDataError as error:
                self._failure = self._failure or error
                continue
            except av.error.FFmpegError as error:
                self._failure = self._failure or error
                break
            for frame in self._decoded(packet):
                self._frame(frame)
        if not self._frames:
            if self._failure is not None:
                raise unreadable(self._opened.format.name, self._failure)
            raise Refusal("INVALID_AUDIO", "Le fichier ne contient aucun échantillon audio.", field="file", value=0)
        if self._resampler is not None:
            for frame in self._resampler.resample(None):
                self._keep(_planar(frame))
        self._flush()
        told = Told(
            self._opened,
            self._stream,
            self._read,
            seconds=self._frames / self._rate,
            reached=self._reached,
            skipped=self.skipped,
            stuffed=self._stuffed,
            spoilt=self._failure is not None,
            gaps=self._gaps,
            cancelled=self._mixer.cancelled if self._mixer is not None else [],
        )
        end = {"frames": self._frames, "rate": self._rate, "warnings": warnings(told)}
        write(self._out, b"Z", json.dumps(end).encode())

    def _decoded(self, packet: Any) -> list[Any]:
        """Trames d'un paquet ; ceux des autres pistes ne font que compter."""
        if packet.pos is not None and packet.size:
            self._seen = max(self._seen, packet.pos + packet.size)
        if packet.stream.index != self._stream.index:
            self._reached = self._seen
            return []
        frames: list[Any] = []
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return []
        except (av.error.FFmpegError, ValueError) as error:
            if not _is_tag(packet):
                self._failure = self._failure or error
        if frames:
            self._reached = self._seen
        if self._largest and packet.size > 2 * self._largest + SILENT_BYTES:
            # Le lecteur FLAC joint à la trame d'avant tout ce qui n'en est pas une.
            self._stuffed += packet.size - self._largest
        else:
            self._largest = max(self._largest, packet.size)
        return frames

    def _declared(self) -> None:
        """Refuse ce que l'en-tête annonce déjà hors limites ; le décodage, lui, recompte."""
        context = self._stream.codec_context
        if context.sample_rate:
            check_stream(context.sample_rate, max(1, context.channels), self._job)

    def _start(self, frame: Any) -> None:
        self._rate = frame.sample_rate
        self._channels = len(frame.layout.channels)
        check_stream(self._rate, self._channels, self._job)
        self._sent_rate, target = self._rate, self._job["rate"]
        if max(self._rate, target) // np.gcd(self._rate, target) > self._job["max_ratio_term"]:
            # Une fréquence sans rapport simple avec celle qui est voulue : son filtre exact serait démesuré.
            self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=target)
            self._sent_rate = target
        if not self._job["separate"]:
            self._mixer = Mixer(self._channels, self._sent_rate)
        channels = self._channels if self._mixer is None else 1
        self.source |= {"rate": self._rate, "channels": self._channels}
        header = {"rate": self._sent_rate, "channels": channels, "source": self.source}
        write(self._out, b"H", json.dumps(header).encode())

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
        self._gap(frame)
        self._frames += frame.samples
        self._count()
        frames = self._resampler.resample(frame) if self._resampler is not None else (frame,)
        for one in frames:
            self._keep(_planar(one))

    def _hole(self, frame: Any) -> bool:
        """Vrai si le lecteur FLAC a sauté des trames abîmées, ce qu'il ne dit que par leur numéro."""
        if self._opened.format.name != "flac" or frame.time is None:
            return False
        if not self._frames:
            self._first_time = frame.time
        missing: float = frame.time - self._first_time - self._frames / self._rate
        return missing > _HOLE_SECONDS

    def _gap(self, frame: Any) -> None:
        """Retient un saut du temps du conteneur : des pages perdues, ou un enregistreur qui tait les silences."""
        if frame.time is None:
            return
        if self._next_time is not None and frame.time - self._next_time > _GAP_SECONDS:
            self._gaps.append((self._frames / self._rate, frame.time - self._next_time))
        self._next_time = frame.time + frame.samples / self._rate

    def _count(self) -> None:
        seconds = self._frames / self._rate
        if self._job["separate"]:
            seconds *= self._channels
        limit = self._job["max_audio_seconds"]
        if seconds > limit:
            what = " tous canaux compris," if self._job["separate"] else ""
            raise Refusal(
                "AUDIO_LIMIT_EXCEEDED",
                f"L'audio dure{what} plus de {limit:g} s, la limite.",
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
        self._held += samples.shape[1]
        if self._held >= BLOCK_SECONDS * self._rate:
            self._flush()

    def _flush(self) -> None:
        if not self._blocks:
            return
        block = np.concatenate(self._blocks, axis=1)
        self._blocks, self._held = [], 0
        if self._mixer is not None:
            block = self._mixer.mix(block)
        write(self._out, b"P", struct.pack(">Q", self._read.view.tell()) + block.tobytes())


def _is_tag(packet: Any) -> bool:
    """Vrai pour une étiquette prise pour du son : des fichiers MP3 mis bout à bout gardent chacun la leur."""
    return packet.size >= 3 and bytes(packet)[:3] in (b"ID3", b"TAG", b"APE")


def _planar(frame: Any) -> "np.ndarray[Any, Any]":
    """Échantillons entre -1 et 1, (canaux, échantillons)."""
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
    planar: np.ndarray[Any, Any] = wave.reshape(count, -1)
    return planar
