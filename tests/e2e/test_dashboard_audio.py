"""L'audio dans la page, dans un vrai Chromium, à travers Envoy ; ses fichiers et ses extraits, contre le serveur."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.test_dashboard import walk
from tests.support import audio_files
from tests.support.product import ROOT, Product, wait_until
from tests.support.snippets import RUNNERS, run, run_all, with_packages

PHRASE = audio_files.DATA / "en" / "austen-0870.wav"
SECONDS = (6.5, 18.0)
"""Le passage du dialogue où deux voix se répondent."""
ROUTES = json.loads((ROOT / "gen" / "routes.json").read_text("utf-8"))
CHANGING = re.compile(
    r"POST /api/admin/.*/(download|load|unload|sleep|wake|cancel)$|\w+ /api/requests/\{id\}"
    r"|.* /(api/keys|passerelle.v1.(Key|Quota)Service)"
)
MEETING = 30
"""Fois que la réunion le répète : son travail dure bien plus que ce qu'on laisse aux moteurs pour s'arrêter."""


@pytest.fixture(scope="module")
def seen(product: Product, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dossier où une personne, devant la page, a déposé fichiers et extraits."""
    folder = tmp_path_factory.mktemp("audio")
    wave = audio_files.speech_of(audio_files.dialogue()[0])
    start, end = (round(16000 * second) for second in SECONDS)
    (folder / "dialogue.wav").write_bytes(audio_files.wav(wave[start:end]))
    (folder / "reunion.wav").write_bytes(audio_files.wav(np.tile(wave[start:end], MEETING)))
    (folder / PHRASE.name).write_bytes(PHRASE.read_bytes())
    for model in ("canary", "pyannote"):
        product.ensure_ready(model)
    files = [str(folder / name) for name in (PHRASE.name, "dialogue.wav", "reunion.wav")]
    walk("page_audio.mjs", product, chromium, *files, str(folder))
    return folder


def test_nothing_of_what_was_sent_stays_on_the_server(product: Product, seen: Path) -> None:
    wait_until(lambda: not list((product.run_dir / "spool").iterdir()), 60, "réserve vide")


def test_a_downloaded_transcript_is_what_the_server_writes(product: Product, seen: Path) -> None:
    asked = {"model": "canary", "language": "en", "response_format": "srt"}
    assert (seen / "austen-0870.srt").read_bytes() == _post(product, "/api/audio/transcribe", PHRASE, asked)
    assert (seen / "austen-0870.vtt").read_bytes().startswith(b"WEBVTT\n\n00:00:0")


def test_the_text_and_the_json_are_the_servers_too(seen: Path) -> None:
    body = json.loads((seen / "austen-0870.json").read_bytes())
    assert (seen / "austen-0870.txt").read_text(encoding="utf-8") == body["text"] + "\n"
    assert _seen(seen, "transcribe")["result"] == body["text"]


def test_a_downloaded_rttm_is_what_the_server_writes(product: Product, seen: Path) -> None:
    asked = {"model": "pyannote", "response_format": "rttm"}
    answer = _post(product, "/api/diarization/process", seen / "dialogue.wav", asked).decode()
    # Le nom du fichier y est l'identifiant de la requête.
    assert _unnamed((seen / "dialogue.rttm").read_text(encoding="utf-8")) == _unnamed(answer)


@pytest.mark.parametrize("language", RUNNERS)
def test_the_snippets_do_what_the_page_did(product: Product, seen: Path, language: str) -> None:
    page = _seen(seen, "transcribe")
    assert _played(page, language, seen) == page["result"]
    page = _seen(seen, "diarize")
    assert sorted(_played(page, language, seen).splitlines()) == sorted(_turns_of(seen / "dialogue.rttm"))
    page = _seen(seen, "speakers")
    assert _played(page, language, seen) == page["result"]


def test_every_sample_of_the_page_runs_and_shows_something(
    product: Product, seen: Path, chromium: str, tmp_path: Path
) -> None:
    """Tout exemple de « Points d'accès », sauf ceux qui changent l'état d'un modèle, dont d'autres essais se servent,
    demandent une clé, ou nomment une requête."""
    product.ensure_ready()
    with_packages(tmp_path)
    for name in ("reunion.wav", "parole.wav"):
        (tmp_path / name).write_bytes(PHRASE.read_bytes())
    walk("page_samples.mjs", product, chromium, str(PHRASE), str(tmp_path / "exemples.json"))
    samples = json.loads((tmp_path / "exemples.json").read_text("utf-8"))
    assert len(samples) == len(ROUTES) and all(sample["texts"] for sample in samples)
    shown = {sample["route"]: sample["shown"] for sample in samples if "shown" in sample}
    # Un serveur sans clé n'a pas de quota à montrer.
    assert len(shown) == 7 and all(text for route, text in shown.items() if "QuotaService" not in route), shown
    assert "Dashwood" in shown["gRPC-Web /passerelle.v1.TranscribeService"]
    for language in RUNNERS:
        played = [
            (sample["route"], sample["texts"][language])
            for sample in samples
            if language in sample["texts"] and not CHANGING.match(sample["route"])
        ]
        answers = run_all(language, [text for _, text in played], tmp_path)
        for (route, _), answer in zip(played, answers, strict=True):
            # Le début d'un corps d'erreur : une mesure peut porter une étiquette de ce nom.
            assert answer.strip() and '{"error"' not in answer, f"{language}, {route} : {answer}"
            if route.endswith(("transcriptions", "/transcribe", "TranscribeService")):
                assert "Dashwood" in answer, f"{language}, {route} : {answer}"


def test_what_the_request_page_gives_to_replay_runs(
    product: Product, seen: Path, chromium: str, tmp_path: Path
) -> None:
    """Une personne suit, filtre, ouvre et interrompt des requêtes ; ce qu'on lui donne à refaire se lance tel quel."""
    product.ensure_ready()
    with_packages(tmp_path)
    (tmp_path / "votre-audio.wav").write_bytes(PHRASE.read_bytes())
    walk("page_requests.mjs", product, chromium, str(PHRASE), str(tmp_path / "refaire.json"))
    found = json.loads((tmp_path / "refaire.json").read_text("utf-8"))
    for language in RUNNERS:
        answers = dict(
            zip(found, run_all(language, [texts[language] for texts in found.values()], tmp_path), strict=True)
        )
        assert all(answer.strip() and '"error"' not in answer for answer in answers.values()), answers
        assert "Dashwood" in answers["refaire-texte"] and "Dashwood" in answers["refaire-voix"], answers
        assert language == "grpc" or "-->" in answers["refaire-texte"], answers


def test_a_two_hour_meeting_neither_freezes_nor_fills_the_page(product: Product, chromium: str, tmp_path: Path) -> None:
    hours, minutes = tmp_path / "reunion.wav", tmp_path / "entretien.flac"
    size = 2 * 3600 * 32000
    with hours.open("wb") as file:
        file.write(audio_files.wav(np.zeros(0, np.float32), size=size))
        # Du silence, que le disque ne garde pas.
        file.truncate(file.tell() + size)
    minutes.write_bytes(audio_files.encoded(np.zeros(25 * 60 * 16000, np.float32), "flac", "flac"))
    walk("page_audio_long.mjs", product, chromium, str(hours), str(minutes))


def _seen(folder: Path, task: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"page-{task}.json").read_bytes())
    return found


def _post(product: Product, path: str, file: Path, fields: dict[str, str]) -> bytes:
    with product.http() as http, file.open("rb") as audio:
        response = http.post(path, data=fields, files={"file": audio})
    assert response.status_code == 200, response.text
    return response.content


def _played(page: dict[str, Any], language: str, folder: Path) -> str:
    """Ce qu'affiche un extrait, lancé comme une personne le ferait dans le dossier du fichier."""
    text = page["snippets"][language]
    done = run(language, text, folder)
    assert done.returncode == 0, text + done.stdout + done.stderr
    return _result_of(done.stdout) if language == "curl" else done.stdout.strip()


def _result_of(stream: str) -> str:
    """Ce que dit le dernier événement d'une réponse SSE."""
    events = [json.loads(block.removeprefix("data: ")) for block in stream.split("\n\n") if block.startswith("data: ")]
    result = events[-1]["result"]
    if "turns" in result:
        return "\n".join(f"{turn['speaker']} {turn['start']} {turn['end']}" for turn in result["turns"])
    if any("speaker" in segment for segment in result["segments"]):
        return "\n".join(f"{segment['speaker']} {segment['text']}" for segment in result["segments"])
    return str(result["text"])


def _turns_of(rttm: Path) -> list[str]:
    """Tours d'un RTTM, comme les extraits les affichent."""
    turns = []
    for line in rttm.read_text(encoding="utf-8").splitlines():
        _, _, _, start, length, _, _, speaker, *_ = line.split()
        turns.append(f"{speaker} {round(float(start), 3)} {round(float(start) + float(length), 3)}")
    return turns


def _unnamed(rttm: str) -> str:
    return re.sub(r"^SPEAKER \S+", "SPEAKER", rttm, flags=re.MULTILINE)
