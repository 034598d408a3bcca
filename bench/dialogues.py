"""Des dialogues aux tours connus, faits des enregistrements d'essai et de ceux de paquets Debian.

Les voix de Debian sont celles des paquets `asterisk-core-sounds-{en,fr,it,ru}` et de leurs pareils en `-g722`, déballés
ensemble dans un dossier (`dpkg-deb -x`) ; sans lui, il n'y a que les enregistrements d'essai.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.engines.base_audio import SAMPLE_RATE, Wave
from tests.support import audio_files

_TRANSCRIPTS: dict[str, dict[str, str]] = json.loads(
    (audio_files.DATA / "transcripts.json").read_text(encoding="utf-8")
)
_VOICES = {
    "Allison": ("en", "en_US_f_Allison"),
    "June": ("fr", "fr_CA_f_June"),
    "Carlo": ("it", "it_IT_m_Carlo"),
    "Ivrvoice": ("ru", "ru_RU_f_IvrvoiceRU"),
}
_SECONDS = (2.5, 8.0)
"""Durées d'un enregistrement retenu."""
_GAPS = (0.1, 0.3, 0.6, 0.2, 0.8)
"""Silences entre deux tours, tour à tour."""


@dataclass(frozen=True)
class Said:
    """Enregistrement."""

    wave: Wave
    text: str


@dataclass(frozen=True)
class Turn:
    """Tour de parole ; instants en secondes."""

    speaker: str
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Dialogue:
    """Onde, et qui y parle."""

    name: str
    wave: Wave
    turns: tuple[Turn, ...]

    def speaker_at(self, seconds: float) -> str:
        """Locuteur de cet instant, ou le plus proche."""
        return min(self.turns, key=lambda turn: max(turn.start - seconds, seconds - turn.end, 0.0)).speaker


def voices(sounds: Path | None) -> dict[str, list[Said]]:
    """Enregistrements de chaque voix."""
    found = {"Austen": _packaged("en/"), "June": _packaged("fr/")}
    if sounds is not None:
        for name, (language, folder) in _VOICES.items():
            found[name] = _installed(sounds, language, folder)
    return found


def dialogue(name: str, said: dict[str, list[Said]], speakers: str, turns: int, *, first: int = 0) -> Dialogue:
    """Dialogue de ces voix (`Austen June`), qui parlent tour à tour ; `first` : rang du premier enregistrement pris."""
    names = speakers.split()
    pieces: list[Wave] = [np.zeros(SAMPLE_RATE // 2, np.float32)]
    found: list[Turn] = []
    at = len(pieces[0])
    for rank in range(turns):
        speaker = names[rank % len(names)]
        taken = said[speaker][(first + rank // len(names)) % len(said[speaker])]
        found.append(Turn(speaker, at / SAMPLE_RATE, (at + len(taken.wave)) / SAMPLE_RATE, taken.text))
        pieces += [taken.wave, np.zeros(int(_GAPS[rank % len(_GAPS)] * SAMPLE_RATE), np.float32)]
        at += len(pieces[-2]) + len(pieces[-1])
    pieces.append(np.zeros(SAMPLE_RATE, np.float32))
    return Dialogue(name, np.concatenate(pieces), tuple(found))


def dialogues(said: dict[str, list[Said]]) -> list[Dialogue]:
    """Les dialogues des mesures : à deux, puis à trois."""
    asked = [
        ("Austen et Allison", "Austen Allison", 12),
        ("Austen et June", "Austen June", 12),
        ("June et Carlo", "June Carlo", 12),
        ("Austen, Allison et June", "Austen Allison June", 15),
        ("June, Carlo et Ivrvoice", "June Carlo Ivrvoice", 15),
    ]
    return [
        dialogue(name, said, speakers, turns) for name, speakers, turns in asked if set(speakers.split()) <= set(said)
    ]


def _packaged(prefix: str) -> list[Said]:
    found = [
        Said(_trimmed(audio_files.speech(name)), one["text"])
        for name, one in _TRANSCRIPTS.items()
        if name.startswith(prefix)
    ]
    return [one for one in found if _SECONDS[0] <= len(one.wave) / SAMPLE_RATE <= _SECONDS[1]]


def _installed(sounds: Path, language: str, folder: str) -> list[Said]:
    listing = sounds / f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    with gzip.open(listing, "rt", encoding="utf-8", errors="replace") as lines:
        texts = dict(line.strip().split(": ", 1) for line in lines if ": " in line and not line.startswith(";"))
    found = []
    for name, text in sorted(texts.items()):
        path = sounds / f"usr/share/asterisk/sounds/{folder}/{name}.g722"
        if "/" not in name and path.exists():
            wave = _trimmed(audio_files.speech_of(path))
            if _SECONDS[0] <= len(wave) / SAMPLE_RATE <= _SECONDS[1]:
                found.append(Said(wave, text))
    return found[:20]


def _trimmed(wave: Wave) -> Wave:
    """Sans le silence de ses bouts."""
    loud = np.flatnonzero(np.abs(wave) > 0.02)
    return wave[max(0, loud[0] - 800) : loud[-1] + 1600] if len(loud) else wave
