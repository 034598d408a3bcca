"""Une installation neuve, ce qu'on y fait par REST et dans la page, puis la même, arrêtée et relancée.

Deux départs du produit pour tout le fichier : les premiers essais se suivent devant l'un, les suivants devant l'autre.
"""

import base64
import json
import re
import sqlite3
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from passerelle.v1 import chat_pb2

from server.front.chat.typed_request import chat_request
from server.settings.profile import PROFILES_DIR
from tests.e2e.test_dashboard import walk
from tests.support.product import ROOT, Product, running_product, sse_events, stop, wait_until
from tests.support.snippets import RUNNERS, run, streamed, with_packages
from tests.support.tls import SSL

EMBARKED = (PROFILES_DIR / "embarque.toml").read_text(encoding="utf-8")


def like_qwen(key: str, **changed: str) -> str:
    """Le modèle de conversation du profil `embarque`, sous une autre clé ; `changed` : ses lignes qui changent."""
    model = "[[models]]" + EMBARKED.split("[[models]]")[1]
    for name, value in {"key": f'"{key}"', "display_name": f'"Essai {key}"', "aliases": "[]", **changed}.items():
        model = re.sub(rf"^{name} = .*$", f"{name} = {value}", model, flags=re.MULTILINE)
    return model


PROFILE = EMBARKED + like_qwen("vision", features='["stream", "images"]') + like_qwen("abime", sha256=f'"{"0" * 64}"')
"""Le profil `embarque`, un modèle qui se dit capable de lire des images, et un autre dont l'empreinte est fausse."""


@dataclass(frozen=True)
class Relaunched:
    """Le produit relancé, et ce qu'on en savait avant."""

    product: Product
    operations: list[dict[str, Any]]
    """Opérations de la veille."""
    page: subprocess.Popen[str]
    """La page restée ouverte pendant l'arrêt."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dossier de l'installation, son profil écrit."""
    folder = tmp_path_factory.mktemp("r")
    (folder / "essai.toml").write_text(PROFILE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Product]:
    """Produit neuf, cache vide."""
    env = {"PASSERELLE_PROFILE": str(home / "essai.toml"), "PASSERELLE_BIND": "127.0.0.1"}
    with running_product(home, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def again(home: Path, first: Product, chromium: str) -> Iterator[Relaunched]:
    """Le même, arrêté puis relancé à la même adresse, avec deux fronts, devant une page ouverte."""
    first.ensure_ready()
    succeeds(first.admin("unload", wait=True))
    before = operations(first)
    env = {
        "PASSERELLE_PROFILE": str(home / "essai.toml"),
        "PASSERELLE_BIND": "127.0.0.1",
        "PASSERELLE_FRONTS": "2",
        # La page de conversation s'y ouvre aussi hors contexte sûr.
        "PASSERELLE_ALLOWED_HOSTS": "passerelle.test",
    }
    with walking("page_restart.mjs", first, chromium) as page:
        says(page, "ouverte")
        stop(first.process, first)
        says(page, "perdue")
        with running_product(home, port=first.port, env=env) as running:
            yield Relaunched(running, before, page)


def test_the_whole_life_of_a_model(first: Product) -> None:
    """Un cache vide, puis télécharger, charger, décharger ; l'état suit, et le journal le garde."""
    new = first.model()
    assert new["state"] == "MODEL_STATE_UNAVAILABLE" and not new["artifacts_cached"]
    assert first.admin("load", "inconnu").status_code == 404

    succeeds(first.admin("download", wait=True))
    cached = first.model()
    assert cached["state"] == "MODEL_STATE_CACHED" and cached["artifacts_cached"]
    assert cached["cached_bytes"] == cached["total_bytes"] > 98_000_000

    succeeds(first.admin("load", wait=True))
    ready = first.model()
    assert ready["state"] == "MODEL_STATE_READY" and ready["replicas"][0]["pid"] > 0
    assert first.admin("load", wait=True).status_code == 200

    succeeds(first.admin("unload", wait=True))
    assert first.model()["state"] == "MODEL_STATE_CACHED"
    assert not [p for p in first.processes() if "worker" in p.cmdline()]

    life = ["UNAVAILABLE", "DOWNLOADING", "CACHED", "LOADING", "READY", "UNLOADING", "CACHED"]
    assert journal(first)[: len(life)] == life


def test_removed_files_flip_the_badge(first: Product) -> None:
    assert first.admin("download", wait=True).status_code == 200
    forget(first)


def test_a_person_downloads_loads_talks_stops_and_unloads(first: Product, chromium: str) -> None:
    forget(first)
    walk("page.mjs", first, chromium)
    assert first.model()["state"] == "MODEL_STATE_CACHED"
    control = next(p for p in first.processes() if "control" in p.cmdline())
    walk("page_link.mjs", first, chromium, str(control.pid))


def test_the_activity_follows_what_is_done(first: Product, chromium: str) -> None:
    forget(first)
    walk("page_activity.mjs", first, chromium)


def test_the_page_survives_a_restart(again: Relaunched) -> None:
    says(again.page, "tout est bon")
    assert again.page.wait(60) == 0


def test_a_restart_keeps_the_state_and_the_operations(again: Relaunched) -> None:
    product, found = again.product, operations(again.product)
    assert product.model()["state"] == "MODEL_STATE_CACHED"
    assert [o["id"] for o in found] == [o["id"] for o in again.operations]
    unload = next(o for o in found if o["kind"] == "OPERATION_KIND_UNLOAD" and o["model"] == "qwen")
    assert unload["freed_bytes"] == 0 and unload["elapsed"]
    load = next(o for o in found if o["kind"] == "OPERATION_KIND_LOAD")
    taken = {step["phase"]: float(step["duration"].removesuffix("s")) for step in load["phases"]}
    assert "spawning" in taken and sum(taken.values()) > 0
    filters = {"kinds": ["OPERATION_KIND_UNLOAD", "OPERATION_KIND_LOAD"], "states": "OPERATION_STATE_SUCCEEDED"}
    kept = operations(product, **filters)
    assert [o["id"] for o in kept] == [o["id"] for o in found if o["kind"] in filters["kinds"]]
    assert journal(product)[:2] == ["UNAVAILABLE", "DOWNLOADING"]


def test_the_activity_survives_a_restart(again: Relaunched, chromium: str) -> None:
    walk("page_activity.mjs", again.product, chromium, "ensuite")


def test_a_request_loads_its_model(again: Relaunched) -> None:
    """`auto_download` et chargement à la demande : la première requête attend, un flux le dit en commentaires."""
    product = again.product
    assert product.model()["state"] == "MODEL_STATE_CACHED"
    body = {"model": "qwen", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": True}
    response = httpx.post(f"{product.base_url}/v1/chat/completions", json=body, timeout=60, verify=SSL)
    assert response.status_code == 200, response.text
    assert sse_events(response.text)[-1] == "[DONE]"
    assert product.model()["state"] == "MODEL_STATE_READY"


def test_a_person_talks_and_the_snippets_do_exactly_the_same(again: Relaunched, tmp_path: Path, chromium: str) -> None:
    place = with_packages(tmp_path)
    (place / "rouge.png").write_bytes(red_square(8))
    succeeds(again.product.admin("unload", wait=True))
    walk("page_chat.mjs", again.product, chromium, str(place))
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


def succeeds(response: httpx.Response) -> None:
    assert response.status_code == 200, response.text
    operation = response.json()["operation"]
    assert operation["state"] == "OPERATION_STATE_SUCCEEDED", operation


def operations(product: Product, **filters: Any) -> list[dict[str, Any]]:
    """Opérations que le produit garde, la plus récente d'abord."""
    response = httpx.get(f"{product.base_url}/api/admin/operations", params=filters, verify=SSL)
    found: list[dict[str, Any]] = response.json()["operations"]
    return found


def journal(product: Product) -> list[str]:
    """États successifs de `qwen`."""
    with closing(sqlite3.connect(f"file:{product.cache_dir}/.passerelle/journal.sqlite?mode=ro", uri=True)) as db:
        rows = [state for (state,) in db.execute("SELECT state FROM transitions WHERE model = 'qwen' ORDER BY seq")]
    return [state for index, state in enumerate(rows) if index == 0 or rows[index - 1] != state]


def forget(product: Product) -> None:
    """Retire les fichiers de `qwen` derrière le produit, qui le voit."""
    for file in product.cache_dir.rglob("*.gguf"):
        file.unlink()
    wait_until(lambda: product.model()["state"] == "MODEL_STATE_UNAVAILABLE", 60, "badge retourné")


def sent(found: dict[str, Any]) -> chat_pb2.ChatRequest:
    """Requête que la page a envoyée ; en gRPC-Web, cinq octets précèdent le message."""
    return chat_pb2.StreamChatRequest.FromString(base64.b64decode(found["sent"])[5:]).request


def red_square(side: int) -> bytes:
    """Carré rouge, en PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@contextmanager
def walking(script: str, product: Product, chromium: str) -> Iterator[subprocess.Popen[str]]:
    """Parcours en cours, dont l'essai suit les mots ; fini en sortie, Chromium compris."""
    with subprocess.Popen(
        ["timeout", "150", "node", str(Path("e2e") / script), product.base_url, chromium],
        cwd=ROOT / "dashboard",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def says(process: subprocess.Popen[str], word: str) -> None:
    """Attend un mot du parcours.

    Raises:
        AssertionError: il a fini sans le dire ; le message porte ce que la page montrait.
    """
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line == word, line + process.stdout.read()
