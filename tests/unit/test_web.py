"""Le tableau de bord côté serveur : fichiers, caches, politique de sécurité, vie du processus."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from server.web.app import NONCE, create_app
from tests.support.shortages import no_descriptors
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = 'console.log("page");\n' * 200
CONFIG = {"profile": "essai", "notice": "", "version": "0", "api_key_required": False}
SERVE = """
import asyncio, json, sys
from pathlib import Path
from server.web.main import WebSettings, run
sock, dist, config = sys.argv[1:]
asyncio.run(run(WebSettings(Path(sock), Path(dist), json.loads(config), 2.0, "unix:/nulle-part")))
"""


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(f'<meta content="{NONCE}"><script nonce="{NONCE}">', encoding="utf-8")
    (folder / "assets" / "index-0a1b.js").write_text(SCRIPT, encoding="utf-8")
    (folder / "favicon.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


def client(folder: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(folder, lambda: CONFIG), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://page")


async def test_a_machine_out_of_descriptors_asks_for_another_try(dist: Path) -> None:
    async with client(dist) as http:
        await http.get("/")
        with no_descriptors():
            refused = await http.get("/")
        back = await http.get("/")
    assert (refused.status_code, refused.headers["retry-after"], back.status_code) == (503, "5", 200)


@pytest.mark.parametrize("path", ["/", "/index.html"])
async def test_the_page_is_the_index_with_its_own_nonce(dist: Path, path: str) -> None:
    async with client(dist) as http:
        first, second = await http.get(path), await http.get(path)
    nonces = []
    for page in (first, second):
        assert page.status_code == 200 and page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        nonce = policy.split("'nonce-")[1].split("'")[0]
        assert page.text.count(nonce) == 2 and NONCE not in page.text
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        # Un audio choisi s'écoute dans la page ; rien d'autre n'admet blob:, ni data:.
        assert "; media-src blob:; " in policy and policy.count("blob:") == 1 and "data:" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


async def test_hashed_files_are_kept_for_ever_and_compressed(dist: Path) -> None:
    async with client(dist) as http:
        script = await http.get("/assets/index-0a1b.js")
        again = await http.get("/assets/index-0a1b.js", headers={"if-none-match": script.headers["etag"]})
        icon = await http.get("/favicon.svg")
    assert script.text == SCRIPT
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 304
    assert "media-src" not in script.headers["content-security-policy"]
    assert icon.headers["cache-control"] == "no-cache" and icon.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/modeles",
        "/docs",
        "/a/b/c",
        "/absent.js",
        "/assets/absent.js",
        "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/a%00.js",
        f"/{'a' * 300}.js",
    ],
)
async def test_an_unknown_file_is_a_french_404(dist: Path, path: str) -> None:
    async with client(dist) as http:
        page = await http.get(path)
    assert page.status_code == 404, page.text
    assert "Page introuvable" in page.text and 'lang="fr"' in page.text
    assert page.headers["cache-control"] == "no-cache" and "content-security-policy" in page.headers


async def test_other_methods_are_refused_in_french(dist: Path) -> None:
    async with client(dist) as http:
        posted = await http.post("/", content=b"x")
        head = await http.head("/")
    assert posted.status_code == 405 and "Méthode refusée" in posted.text
    assert "GET" in posted.headers["allow"]
    assert head.status_code == 200


async def test_a_missing_page_says_what_to_type(tmp_path: Path) -> None:
    async with client(tmp_path / "absent") as http:
        for path in ("/", "/assets/index.js"):
            page = await http.get(path)
            assert page.status_code == 503 and "make setup" in page.text
        assert (await http.get("/config.json")).json() == CONFIG


async def test_an_unreadable_page_is_a_french_500(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    async with client(tmp_path) as http:
        page = await http.get("/")
    assert page.status_code == 500 and "Erreur du serveur" in page.text


@contextmanager
def served(dist: Path, *, parent: int | None = None) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Le vrai processus, sur une vraie prise (un chemin court : une prise en a 107 octets au plus)."""
    with tempfile.TemporaryDirectory(prefix="web-") as folder:
        path = Path(folder) / "s"
        extra = {} if parent is None else {"PASSERELLE_PARENT_FD": str(parent)}
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(path), str(dist), json.dumps(CONFIG)],
            cwd=ROOT,
            env={**os.environ, **extra},
            pass_fds=() if parent is None else (parent,),
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not _answers(path):
                assert process.poll() is None and time.monotonic() < deadline, "la prise ne répond pas"
                time.sleep(0.02)
            yield process, path
        finally:
            process.kill()
            process.wait(PATIENCE)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=SSL), base_url="http://page") as http:
        return bool(http.get("/config.json").json() == CONFIG)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_removes_its_private_socket(dist: Path, number: signal.Signals) -> None:
    with served(dist) as (process, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not path.exists()


def test_it_dies_with_its_parent(dist: Path) -> None:
    reader, writer = os.pipe()
    try:
        with served(dist, parent=reader) as (process, path):
            assert process.poll() is None
            os.close(writer)
            writer = -1
            assert process.wait(10) == 0
            assert not path.exists()
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
