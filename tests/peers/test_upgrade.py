"""D'une version à la suivante et retour, sur le même dossier : de vraies versions d'avant, et des suivantes qui ne démarrent pas.

Les versions d'avant sont tirées de l'histoire du dépôt ; elles se lancent avec les bibliothèques d'aujourd'hui.
"""

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.test_restart import says, walking
from tests.support.product import ROOT, Product, free_port, running_product, stop
from tests.support.tls import SSL

MONTH = "75158201574abae0442e72b40b6816c01fe49bf0"
"""Dernier commit de novembre 2026 : il retient ce qui est chargé."""
BEFORE_NUMBERS = "d4f9e24"
"""Veille : journal sans numéro, et rien de retenu que des choix."""


def checkout(commit: str, folder: Path) -> Path:
    """Les fichiers d'une version d'avant."""
    found = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)
    assert found.returncode == 0, f"L'histoire du dépôt manque (« git fetch --unshallow ») : {found.stderr.decode()}"
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def following(folder: Path, changes: Mapping[str, Callable[[str], str]]) -> Path:
    """Une version qui suit celle-ci : les mêmes fichiers, ceux de `changes` changés."""
    folder.mkdir()
    for name in ("server", "gen", "envoy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "dashboard" / "dist", folder / "dashboard" / "dist")
    for name, change in changes.items():
        path = folder / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def settings(root: Path, **more: str) -> dict[str, str]:
    return {
        "PASSERELLE_BIND": "127.0.0.1",
        "PASSERELLE_FRONTS": "1",
        "PYTHONPATH": f"{root}:{root / 'gen' / 'python'}",
        **more,
    }


@contextmanager
def version(root: Path, home: Path, port: int | None = None) -> Iterator[Product]:
    """Cette version en marche sur l'installation de `home`, une fois revenu ce qui doit l'être."""
    with running_product(home, root=root, port=port, env=settings(root)) as product:
        yield product


def fails(root: Path, home: Path, **more: str) -> tuple[int, str]:
    """Code et derniers mots d'une version qui ne démarre pas sur l'installation de `home`."""
    env = settings(
        root,
        PATH="/usr/bin:/bin",
        HOME=str(home),
        HOST_PORT=str(free_port()),
        MODEL_CACHE_DIR=str(home / "cache"),
        PASSERELLE_RUN_BASE=tempfile.gettempdir(),
        **{"PASSERELLE_PROFILE": "embarque", **more},
    )
    command = [sys.executable, "-m", "server", "serve"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=240, check=False)
    return done.returncode, done.stderr


def load(product: Product) -> None:
    """Deux exemplaires de `qwen`, épinglés, et `canary`."""
    for key, order in {"qwen": {"replicas": 2, "pinned": True}, "canary": {}}.items():
        for verb, body in {"download": {}, "load": order}.items():
            answer = product.admin(verb, key, wait=True, **body)
            assert answer.status_code == 200, answer.text


def loaded(product: Product) -> dict[str, Any]:
    """Ce qui sert."""
    return {
        model["key"]: (len(model["replicas"]), model["pinned"])
        for model in product.status()["models"]
        if model["state"] == "MODEL_STATE_READY"
    }


def history(product: Product) -> list[tuple[str, str]]:
    """Opérations gardées, de la plus ancienne à la plus récente."""
    found = httpx.get(f"{product.base_url}/api/admin/operations", verify=SSL).json()["operations"]
    return [(one["id"], one["state"]) for one in reversed(found)]


LOADED = {"qwen": (2, True), "canary": (1, False)}


def broken_migration(text: str) -> str:
    return text + (
        '\n\ndef _broken(db: "sqlite3.Connection") -> None:\n'
        '    db.execute("DROP TABLE choices")\n'
        '    raise RuntimeError("en plein vol")\n\n\n'
        "MIGRATIONS = (*MIGRATIONS, _broken)\n"
    )


def one_table_more(text: str) -> str:
    return text + (
        '\n_TABLES = (*_TABLES, "CREATE TABLE IF NOT EXISTS usages (id INTEGER)")\n'
        '_ADDED["operations"]["asked_by"] = "TEXT"\n'
    )


def broken_import(text: str) -> str:
    return text.replace("import asyncio\n", "import asyncio\nimport un_module_oublie\n", 1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """L'installation : poids et état."""
    folder = tmp_path / "h"
    folder.mkdir()
    return folder


def test_the_version_before_the_next_that_fails_and_back(tmp_path: Path, home: Path) -> None:
    before = checkout(MONTH, tmp_path / "avant")
    with version(before, home) as product:
        load(product)
        assert loaded(product) == LOADED
        known = history(product)

    with version(ROOT, home) as product:
        assert loaded(product) == LOADED, "rien n'est à recharger"
        assert history(product)[: len(known)] == known

    # Trois versions suivantes qui ne tiennent pas : un profil refusé, une mise à niveau qui échoue, un front qui tombe
    # une fois le journal complété et le retour des modèles commencé.
    (home / "faux.toml").write_text("[[models]]\nkey = 3\n", encoding="utf-8")
    code, said = fails(ROOT, home, PASSERELLE_PROFILE=str(home / "faux.toml"))
    assert code == 2 and "faux.toml" in said, said
    unable = following(tmp_path / "sans-retour", {"server/control/record/schema.py": broken_migration})
    code, said = fails(unable, home)
    assert code == 2 and "reste tel qu'il était : relancez celle d'avant" in said and "en plein vol" in said, said
    falling = following(
        tmp_path / "qui-tombe",
        {"server/control/record/schema.py": one_table_more, "server/front/app.py": broken_import},
    )
    code, said = fails(falling, home)
    assert code == 1 and "un_module_oublie" in said, said

    with version(before, home) as product:
        assert loaded(product) == LOADED, "l'ancienne version reprend le même dossier"
        assert history(product)[: len(known)] == known
        assert product.admin("unload", "canary", wait=True).status_code == 200
    with version(ROOT, home) as product:
        assert loaded(product) == {"qwen": (2, True)}, "ce que l'ancienne a décidé vaut pour la nouvelle"


def test_a_version_that_kept_only_its_choices(tmp_path: Path, home: Path) -> None:
    before = checkout(BEFORE_NUMBERS, tmp_path / "avant")
    with version(before, home) as product:
        load(product)
        known = history(product)

    with version(ROOT, home) as product:
        assert loaded(product) == {}, "elle ne retenait pas ce qui est chargé"
        assert history(product)[: len(known)] == known
        # Les choix, eux, sont là.
        assert product.admin("load", "qwen", wait=True).status_code == 200
        assert loaded(product) == {"qwen": (2, True)}

    with version(before, home) as product:
        assert history(product)[: len(known)] == known
        assert product.admin("load", "qwen", wait=True).status_code == 200
        assert loaded(product) == {"qwen": (2, True)}


def test_the_open_page_says_the_new_version_and_reloads_into_it(tmp_path: Path, home: Path, chromium: str) -> None:
    [entry] = re.findall(r"/assets/(index-[^\"]+\.js)", (ROOT / "dashboard/dist/index.html").read_text("utf-8"))

    def rebuilt(text: str) -> str:
        return text.replace(entry, "index-suivante.js")

    scripts = [path.relative_to(ROOT) for path in (ROOT / "dashboard/dist/assets").glob("*.js")]
    after = following(
        tmp_path / "suivante",
        {
            "server/__init__.py": lambda text: re.sub(r'__version__ = ".*"', '__version__ = "9.8.7"', text),
            "dashboard/dist/index.html": rebuilt,
            **{str(script): rebuilt for script in scripts},
        },
    )
    (after / "dashboard/dist/assets" / entry).rename(after / "dashboard/dist/assets/index-suivante.js")
    with version(ROOT, home) as product, walking("page_next.mjs", product, chromium) as page:
        says(page, "ouverte")
        stop(product.process, product)
        says(page, "perdue")
        with version(after, home, product.port):
            says(page, "tout est bon")
            assert page.wait(60) == 0
