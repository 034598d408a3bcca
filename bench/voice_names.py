"""Les noms donnés à des voix, selon le seuil : justes, inconnus, faux, quand la voix est parmi les extraits et quand elle n'y est pas.

`python -m bench.voice_names --sounds DOSSIER [--tries 300]` (`bench/dialogues.py` dit d'où viennent les voix). Le moteur du profil
embarque, appelé directement : des voix de une à huit fenêtres d'une seconde et demie, face aux extraits de toutes les voix, puis
de toutes les autres.
"""

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

import numpy as np

from bench.dialogues import voices
from bench.load import machine
from server.engines.base_audio import SAMPLE_RATE, DiarizeEngine, VoiceScale, Wave
from server.speech.voice_names import Known, name_of
from tests.support import audio_files
from tests.support.speech_engines import embedded

_WINDOW = SAMPLE_RATE * 3 // 2
_CLIP_SECONDS = 4.0
_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


def main() -> None:
    """Mesure et écrit le tableau."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--tries", type=int, default=300)
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="banc-") as folder:
        engine = embedded("pyannote", Path(folder))
        asyncio.run(measure(engine, people(asked.sounds), asked.tries))  # type: ignore[arg-type]


def people(sounds: Path | None) -> dict[str, list[Wave]]:
    """Enregistrements de chaque voix : ceux des dialogues, et les deux de pyannote."""
    found = {name: [one.wave for one in said] for name, said in voices(sounds).items()}
    path, turns = audio_files.dialogue()
    wave = audio_files.speech_of(path)
    for line in turns.read_text(encoding="utf-8").splitlines():
        _, _, _, start, length, _, _, name, *_ = line.split()
        begin = int(float(start) * SAMPLE_RATE)
        found.setdefault(name, []).append(wave[begin : begin + int(float(length) * SAMPLE_RATE)])
    return found


async def measure(engine: DiarizeEngine, said: dict[str, list[Wave]], tries: int) -> None:
    """Un tableau par seuil."""
    await engine.open()
    clips: dict[str, Wave] = {}
    windows: dict[str, list[Wave]] = {}
    for name, waves in said.items():
        # L'extrait vient d'un enregistrement que la voix à nommer n'a pas.
        longest = max(range(len(waves)), key=lambda rank: len(waves[rank]))
        clip = waves[longest][: int(_CLIP_SECONDS * SAMPLE_RATE)]
        rest = [wave for rank, wave in enumerate(waves) if rank != longest]
        cut = [wave[at : at + _WINDOW] for wave in rest for at in range(0, len(wave) - _WINDOW + 1, _WINDOW)]
        (clips[name],) = [one for one in await engine.embed([clip]) if one is not None]
        windows[name] = [one for one in await engine.embed(cut[:24]) if one is not None]
    await engine.close()
    chance = random.Random(1)
    cases = []
    for _ in range(tries):
        name = chance.choice(list(windows))
        chosen = chance.sample(windows[name], min(len(windows[name]), chance.choice((1, 2, 4, 8))))
        centre = np.sum(chosen, axis=0)
        cases.append((name, (centre / np.linalg.norm(centre)).astype(np.float32)))
    known = [Known(name, clip) for name, clip in clips.items()]
    print(f"{len(known)} voix, {tries} essais : {', '.join(f'{name} ({len(windows[name])})' for name in clips)}\n")
    print("| seuil | juste | inconnu | faux nom | absent, faux nom |\n|---|---|---|---|---|")
    for threshold in _THRESHOLDS:
        scale = VoiceScale(0.0, threshold)
        given = [(name, name_of(voice, known, scale)) for name, voice in cases]
        absent = [name_of(voice, [one for one in known if one.name != name], scale) for name, voice in cases]
        shares = (
            sum(name == found for name, found in given),
            sum(not found for _, found in given),
            sum(bool(found) and name != found for name, found in given),
            sum(map(bool, absent)),
        )
        print(f"| {threshold:g} | " + " | ".join(f"{count / tries:.1%}" for count in shares) + " |")


if __name__ == "__main__":
    main()
