"""`./passerelle` devant le produit : chaque verbe, en clair et en JSON."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import audio_files
from tests.e2e.product import ROOT, Product


def passerelle(
    product: Product, *arguments: str, code: int = 0, key: str = "", text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Joue la commande, par le réseau."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PASSERELLE_") and "_KEYS" not in k}
    done = subprocess.run(
        [str(ROOT / "passerelle"), *arguments],
        env={**inherited, "PASSERELLE_ADDRESS": product.base_url, "PASSERELLE_API_KEY": key},
        input=text,
        stdin=None if text is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def test_a_model_from_download_to_unload(product: Product) -> None:
    assert "fait en" in passerelle(product, "download", "qwen").stdout
    loaded = passerelle(product, "load", "qwen")
    assert "qwen : fait en" in loaded.stdout
    assert "READY" in passerelle(product, "status").stdout
    answer = passerelle(product, "chat", "--max-tokens", "8", "What", "is", "the", "capital", "of", "France?")
    assert answer.stdout.strip() and not answer.stderr
    typed = json.loads(passerelle(product, "--json", "chat", "--max-tokens", "8", text="Say hello.").stdout)
    assert typed["choices"][0]["message"]["content"][0]["text"] and typed["usage"]["completion_tokens"] > 0
    lines = passerelle(product, "logs", "qwen", "--tail", "3").stdout.splitlines()
    assert 1 <= len(lines) <= 3
    operation = json.loads(passerelle(product, "--json", "unload", "qwen").stdout)
    assert (operation["model"], operation["state"]) == ("qwen", "OPERATION_STATE_SUCCEEDED")
    status = json.loads(passerelle(product, "--json", "status").stdout)
    assert [m["state"] for m in status["models"] if m["key"] == "qwen"] == ["MODEL_STATE_CACHED"]


def test_speech(product: Product, tmp_path: Path) -> None:
    speech = tmp_path / "parole.wav"
    speech.write_bytes(audio_files.wav(audio_files.speech()))
    done = passerelle(product, "transcribe", str(speech))
    assert "Dashwood" in done.stdout
    assert passerelle(product, "transcribe", str(speech), "--format", "srt").stdout.startswith("1\n00:00:0")
    named = json.loads(passerelle(product, "--json", "transcribe", str(speech), "--diarize").stdout)
    assert named["segments"][0]["words"][0]["speaker_label"] == "SPEAKER_00"
    turns = passerelle(product, "diarize", str(speech), "--num-speakers", "1").stdout.splitlines()
    assert turns and all(line.endswith("SPEAKER_00") for line in turns)
    assert passerelle(product, "diarize", str(speech), "--format", "rttm").stdout.startswith("SPEAKER ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("load", "absent"), "MODEL_NOT_FOUND"),
        (("chat", "--model", "absent", "Bonjour"), "MODEL_NOT_FOUND"),
        (("transcribe", __file__), "INVALID_AUDIO"),
    ],
)
def test_an_error_keeps_its_reason(product: Product, arguments: tuple[str, ...], reason: str) -> None:
    assert passerelle(product, *arguments, code=1).stderr.splitlines()[-1].startswith(f"Erreur ({reason}) : ")
    done = passerelle(product, "--json", *arguments, code=1)
    assert json.loads(done.stderr)["error"]["reason"] == reason and not done.stdout


def test_keys(guarded: Product) -> None:
    assert "API_KEY" in passerelle(guarded, "logs", "qwen", code=1).stderr
    assert "API_KEY" in passerelle(guarded, "logs", "qwen", key="cle-a", code=1).stderr
    assert "fait en" in passerelle(guarded, "download", "qwen", key="cle-admin").stdout
