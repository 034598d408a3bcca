"""Les enregistrements d'essai : chacun a son texte et sa licence."""

import json
import wave
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"


def test_every_recording_has_a_transcript_and_a_license() -> None:
    transcripts = json.loads((DATA / "transcripts.json").read_text(encoding="utf-8"))
    files = {str(f.relative_to(DATA)) for f in DATA.glob("*/*") if f.suffix in (".wav", ".g722")}
    assert files == set(transcripts)
    for name, entry in transcripts.items():
        assert entry["language"] == name[:2] and len(entry["text"].split()) > 5
        assert (DATA / name).parent.joinpath("COPYRIGHT").is_file()


def test_english_recordings_are_16_khz_mono() -> None:
    for path in (DATA / "en").glob("*.wav"):
        with wave.open(str(path)) as audio:
            assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (16000, 1, 2)
