"""La ligne de commande devant le produit : chaque verbe, en clair et en JSON."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from server.cli import show
from server.cli.app import cli
from tests.support import audio_files
from tests.support.product import ROOT, Product, wait_until
from tests.support.tls import SSL


def passerelle(product: Product, *arguments: str, code: int = 0, key: str = "", text: str | None = None) -> Result:
    """Joue la commande, par le réseau."""
    env = {"PASSERELLE_ADDRESS": product.base_url, "PASSERELLE_API_KEY": key}
    done = CliRunner().invoke(cli, arguments, input=text, env=env)
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    return done


def test_the_script_finds_the_server_of_this_machine(product: Product) -> None:
    env = {"PATH": os.environ["PATH"], "PASSERELLE_RUN_BASE": str(product.run_dir.parent)}
    command = [str(ROOT / "passerelle"), "status"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"unix:{product.run_dir}/envoy-local.sock" in done.stdout and "pyannote" in done.stdout


def test_a_model_from_download_to_unload(product: Product) -> None:
    assert "fait en" in passerelle(product, "download", "qwen").stdout
    loaded = passerelle(product, "load", "qwen")
    assert "qwen : fait en" in loaded.stdout
    assert "Prêt" in passerelle(product, "status").stdout
    answer = passerelle(
        product, "chat", "--temperature", "0", "--max-tokens", "8", "What", "is", "the", "capital", "of", "France?"
    )
    assert answer.stdout.strip() and not answer.stderr
    typed = json.loads(
        passerelle(product, "--json", "chat", "--temperature", "0", "--max-tokens", "8", text="Say hello.").stdout
    )
    assert typed["choices"][0]["message"]["content"][0]["text"] and typed["usage"]["completion_tokens"] > 0
    lines = passerelle(product, "logs", "qwen", "--tail", "3").stdout.splitlines()
    assert 1 <= len(lines) <= 3
    ready = [line for line in passerelle(product, "logs", "qwen").stdout.splitlines() if '"worker_ready"' in line]
    assert json.loads(ready[-1])["frozen_objects"] > 1000
    operation = json.loads(passerelle(product, "--json", "unload", "qwen").stdout)
    assert (operation["model"], operation["state"]) == ("qwen", "OPERATION_STATE_SUCCEEDED")
    status = json.loads(passerelle(product, "--json", "status").stdout)
    assert [m["state"] for m in status["models"] if m["key"] == "qwen"] == ["MODEL_STATE_CACHED"]
    # Le registre, lu sur place, dit les trois demandes, leurs fins, et d'où elles venaient.
    here = {"PASSERELLE_RUN_BASE": str(product.run_dir.parent), "HOST_PORT": str(product.port)}

    def register() -> list[dict[str, Any]]:
        read = CliRunner().invoke(cli, ["audit", "--tail", "0", "--json"], env=here)
        return [json.loads(line) for line in read.stdout.splitlines()]

    def of_it(*, asked: bool) -> list[dict[str, Any]]:
        return [line for line in register() if line.get("operation") == operation["id"] and ("who" in line) is asked]

    wait_until(lambda: bool(of_it(asked=False)), 60, "la fin de l'opération au registre")
    [asked], [ended] = of_it(asked=True), of_it(asked=False)
    assert (asked["action"], asked["outcome"], asked["before"]["state"]) == ("AdminService.UnloadModel", "OK", "READY")
    assert asked["who"] == {"caller": "a127.0.0.1", "address": "127.0.0.1"} and ended["outcome"] == "SUCCEEDED"
    assert {"AdminService.DownloadModel", "AdminService.LoadModel", "settings"} <= {
        line["action"] for line in register()
    }


def test_a_load_is_cancelled(product: Product) -> None:
    passerelle(product, "download", "pyannote")
    passerelle(product, "unload", "pyannote")
    identifier = product.admin("load", "pyannote").json()["operation"]["id"]

    def phase() -> str:
        return str((product.model("pyannote").get("operation") or {}).get("progress", {}).get("phase"))

    # torch prend des secondes à importer : l'exemplaire dit ce qu'il fait, et il n'est pas trop tard.
    wait_until(lambda: phase() == "importing", 60, "bibliothèques en cours d'import")
    assert passerelle(product, "cancel", "pyannote").stdout == "pyannote : opération annulée\n"
    found = httpx.get(
        f"{product.base_url}/api/admin/operations", params={"model": "pyannote"}, timeout=30, verify=SSL
    ).json()
    states = [one["state"] for one in found["operations"] if one["id"] == identifier]
    assert states == ["OPERATION_STATE_CANCELLED"] and product.model("pyannote")["state"] == "MODEL_STATE_CACHED"
    assert "OPERATION_NOT_FOUND" in passerelle(product, "cancel", "pyannote", code=1).stderr


def test_speech(product: Product, tmp_path: Path) -> None:
    speech = tmp_path / "parole.wav"
    speech.write_bytes(audio_files.wav(audio_files.speech()))
    subtitles = passerelle(product, "transcribe", str(speech), "--format", "srt").stdout
    assert subtitles.startswith("1\n00:00:0") and "Dashwood" in subtitles
    named = json.loads(passerelle(product, "--json", "transcribe", str(speech), "--diarize").stdout)
    assert named["segments"][0]["words"][0]["speaker_label"] == "SPEAKER_00"
    turns = passerelle(product, "diarize", str(speech), "--num-speakers", "1", "--format", "rttm").stdout.splitlines()
    assert turns and all(line.startswith("SPEAKER ") and " SPEAKER_00 " in line for line in turns)


def test_live_speech(product: Product, tmp_path: Path) -> None:
    speech = tmp_path / "parole.wav"
    wave = audio_files.speech()
    speech.write_bytes(audio_files.wav(wave))
    heard = passerelle(product, "live", str(speech), "--language", "en")
    assert heard.stdout.startswith("0:0") and "Dashwood" in heard.stdout and "…" not in heard.stdout
    assert heard.stderr == f"{show.clock(len(wave) / 16000)} d'audio entendues\n"
    raw = subprocess.run(
        [str(ROOT / "passerelle"), "--address", product.base_url, "--json", "live", "-", "--language", "en"],
        input=speech.read_bytes()[44:],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=120,
        check=True,
    )
    events = [json.loads(line) for line in raw.stdout.splitlines()]
    texts = [line.split("  ", 1)[1] for line in heard.stdout.splitlines()]
    assert "ready" in events[0] and events[-1]["summary"]["text"] == " ".join(texts)
    not_audio = passerelle(product, "live", __file__, code=1)
    assert "INVALID_AUDIO" in not_audio.stderr


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
    assert "SCOPE_NOT_ALLOWED" in passerelle(guarded, "logs", "qwen", key="cle-a", code=1).stderr
    assert "fait en" in passerelle(guarded, "download", "qwen", key="cle-admin").stdout
    assert "API_KEY" in passerelle(guarded, "keys", "list", code=1).stderr
    assert "SCOPE_NOT_ALLOWED" in passerelle(guarded, "keys", "create", key="cle-a", code=1).stderr
    options = ("--scope", "chat", "--model", "qwen", "--owner", "atelier", "--lifetime", "90j")
    made = passerelle(guarded, "keys", "create", *options, key="cle-admin")
    value = made.stdout.strip()
    identifier = value[:14]
    assert identifier in made.stderr and value not in made.stderr
    listed = passerelle(guarded, "keys", "list", identifier[:7], key="cle-admin").stdout
    assert all(word in listed for word in (identifier, "admise", "chat", "qwen", "atelier")) and value not in listed
    rotated = json.loads(passerelle(guarded, "keys", "rotate", identifier, "--json", key="cle-admin").stdout)
    assert rotated["key"]["id"] == identifier and rotated["value"] != value and rotated["key"]["previous_until"]
    assert "révoquée" in passerelle(guarded, "keys", "revoke", identifier, key="cle-admin").stdout
    assert "KEY_NOT_FOUND" in passerelle(guarded, "keys", "revoke", "absente", key="cle-admin", code=1).stderr
    # Sans --model, le serveur dit lequel convient ; celui-ci n'en a aucun.
    assert "essai » ne transcrit" in passerelle(guarded, "transcribe", __file__, key="cle-a", code=1).stderr
