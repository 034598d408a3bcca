"""Le processus du décodage : un ancêtre déjà chargé, et une copie de lui pour chaque fichier.

Importer PyAV et numpy coûte trois cents millisecondes de processeur ; une copie, une ou deux. L'ancêtre ne lit jamais
un fichier : il reçoit par sa prise ce qu'il faut décoder, avec deux descripteurs (le fichier, la sortie), se copie, et
les ferme. La copie n'a qu'eux, renonce à tout autre, et envoie d'abord de quoi la tuer, elle seule. De Passerelle,
il n'importe que les `decode_*`.
"""

import contextlib
import gc
import io
import json
import os
import resource
import signal
import socket
import struct
from typing import Any, BinaryIO

import av

from server.speech.decode_open import Refusal
from server.speech.decode_run import decode, write

MESSAGE_BYTES = 65536
BORN = b"p"
"""Premier octet d'une copie, qui accompagne le descripteur de son processus."""


def main() -> None:
    """Sert jusqu'à la fermeture de la prise, qui est l'entrée standard."""
    _warm_up()
    gc.collect()
    # Un objet touché par le ramasse-miettes ferait recopier sa page dans chaque copie.
    gc.freeze()
    # Les copies finies ne laissent rien : c'est à celui qui lit leur sortie de voir leur fin.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            return
        if os.fork() == 0:
            _copy(json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _copy(job: dict[str, Any], file: int, output: int) -> None:
    """Décode un fichier et disparaît ; un refus est une trame."""
    try:
        with socket.socket(fileno=os.dup(output)) as out:
            own = os.pidfd_open(os.getpid())
            socket.send_fds(out, [BORN], [own])
        # Le fichier en 0, la sortie en 1, le vide en 2, et plus rien : ni la prise de l'ancêtre, ni rien d'un autre.
        os.dup2(file, 0)
        os.dup2(output, 1)
        os.closerange(3, max(int(name) for name in os.listdir("/proc/self/fd")) + 1)
        with open(0, "rb", buffering=1 << 20, closefd=False) as source, open(1, "wb", closefd=False) as frames:
            _decode(source, frames, job)
    except BaseException:
        # Celui qui lit voit une sortie sans fin, et en juge ; rien ne doit remonter dans la boucle de l'ancêtre.
        os._exit(1)
    os._exit(0)


def _decode(source: BinaryIO, out: BinaryIO, job: dict[str, Any]) -> None:
    try:
        _lock_down(job)
        decode(source, job, out)
    except Refusal as refusal:
        write(out, b"E", json.dumps(refusal.body).encode())
    except MemoryError:
        body = Refusal("INVALID_AUDIO", "Le décodage de ce fichier demande trop de mémoire.", field="file").body
        write(out, b"E", json.dumps(body).encode())


def _warm_up() -> None:
    """Décode un fichier minuscule : PyAV importe ses modules au premier usage, et plus rien ne s'ouvrira ensuite."""
    av.logging.set_level(av.logging.PANIC)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 68, b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", 32)
    file = os.memfd_create("essai")
    os.write(file, header + bytes(32))
    job = {"raw_format": "", "raw_rate": 0, "raw_channels": 0, "assumed_format": "", "separate": False}
    # Un rapport de fréquences hors de portée, pour que le rééchantillonneur serve aussi.
    job |= {"rate": 16000, "max_ratio_term": 1, "max_audio_seconds": 1.0, "max_decoded_bytes": 1 << 20}
    job |= {"min_sample_rate_hertz": 1, "max_sample_rate_hertz": 1 << 20, "max_channels": 2}
    with os.fdopen(file, "rb") as source:
        decode(source, job, io.BytesIO())


def _lock_down(job: dict[str, Any]) -> None:
    """Renonce à tout ce dont le décodage n'a pas besoin."""
    seconds = int(job["max_decode_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (job["max_memory_bytes"], job["max_memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # Les trois numéros permis sont pris : ni fichier, ni prise, ni tube ne peut plus s'ouvrir.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))

    def too_long(_number: int, _frame: Any) -> None:
        raise Refusal(
            "AUDIO_LIMIT_EXCEEDED",
            f"Le décodage a dépassé {seconds} secondes de processeur.",
            field="file",
            limit=seconds,
            value=seconds,
        )

    signal.signal(signal.SIGXCPU, too_long)
