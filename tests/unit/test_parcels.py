"""Un dossier d'export dont on ne sait rien : rien n'en sort, rien n'y est cru, rien n'est laissé à moitié."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.control.weights import parcel
from server.control.weights.cache import inspect, model_dir, write_manifest
from server.control.weights.exporting import export
from server.control.weights.importing import bring
from server.control.weights.removal import erase, revisions, set_aside
from server.domain import Capability, ModelSource, ModelSpec
from server.errors import IntegrityMismatch, InvalidRequest, InvalidState, PasserelleError

FILES = {"config.json": b"{}", "poids/a.bin": b"a" * 10_000, "vide": b""}
SPEC = ModelSpec("m", Capability.CHAT, "x", ModelSource("hub", "org/m", "main"), "M")


def ignored(_event: Any) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Un export sain."""
    source = model_dir(tmp_path / "source", SPEC)
    for name, data in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    write_manifest(source, "main", digests, commits={"org/m": "a" * 40})
    export(tmp_path / "source", SPEC, tmp_path / "clef", ignored)
    return tmp_path / "clef"


def refused(folder: Path, kind: type[PasserelleError] = IntegrityMismatch) -> PasserelleError:
    """L'import est refusé, et le cache n'en garde rien."""
    cache = folder.parent / "cache"
    with pytest.raises(kind) as caught:
        bring(cache, SPEC, folder, ignored)
    left = [path.name for path in cache.rglob("*") if not path.name.endswith((".lock", ".use"))]
    assert left in ([], ["m"]), left
    return caught.value


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "m" / parcel.MANIFEST
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


def renamed(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda said: said["files"].update({name: said["files"].pop("config.json")})


@pytest.mark.parametrize(
    "name",
    [
        *("../dehors", "poids/../../dehors", "/etc/passwd", "..", ".", "", "a//b", "./a", "a/", "a/./b"),
        *("a\\..\\b", "a\0b", ".passerelle.json", ".cache/x", "x.partial", "vide/dessous", "\ud800"),
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "dehors").write_bytes(b"{}")
    rewrite(folder, renamed(name))
    assert parcel.MANIFEST in refused(folder, InvalidRequest).message
    assert (folder.parent / "dehors").read_bytes() == b"{}"


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(format=2),
        lambda said: said.update(files={}),
        lambda said: said.update(files=[1]),
        lambda said: said.update(commits=None),
        lambda said: said["commits"].update({"org/m": "../x"}),
        lambda said: said.update(revision=1),
        lambda said: said.pop("selection"),
        lambda said: said["files"]["vide"].update(bytes=-1),
        lambda said: said["files"]["vide"].update(bytes=True),
        lambda said: said["files"]["vide"].update(sha256="A" * 64),
        lambda said: said["files"].update(vide=None),
    ],
)
def test_a_manifest_out_of_shape_is_refused(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    rewrite(folder, change)
    refused(folder, InvalidRequest)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"1" * 10_000, b"null"])
def test_a_manifest_that_is_not_one_is_refused(folder: Path, content: bytes) -> None:
    (folder / "m" / parcel.MANIFEST).write_bytes(content)
    refused(folder, InvalidRequest)


def linked(path: Path) -> None:
    """Le même contenu, mais par un lien."""
    aside = path.rename(path.with_name("ailleurs"))
    path.symlink_to(aside)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def rewritten(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        linked,
        pipe,
        lambda path: linked(path.parent),
        rewritten(b"b" + FILES["poids/a.bin"][1:]),
        rewritten(FILES["poids/a.bin"][:-1]),
        rewritten(FILES["poids/a.bin"] + b"a"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_file_that_is_not_the_one_said_leaves_nothing(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "m" / parcel.FILES / "poids" / "a.bin")
    assert "poids/a.bin" in refused(folder).message


def test_a_link_in_place_of_the_model_is_not_followed(folder: Path) -> None:
    linked(folder / "m")
    refused(folder, InvalidRequest)


@pytest.mark.parametrize(
    "change", [{"repository": "org/autre"}, {"revision": "v2"}, {"kind": "package"}, {"selection": "[1]"}]
)
def test_another_model_is_refused_by_name(folder: Path, change: dict[str, str]) -> None:
    rewrite(folder, lambda said: said.update(change))
    assert "le profil veut org/m @ main" in refused(folder, InvalidState).message


def test_each_repository_has_its_commit(folder: Path) -> None:
    rewrite(folder, lambda said: said["commits"].clear())
    refused(folder)


def test_what_a_download_had_begun_gives_way(folder: Path, tmp_path: Path) -> None:
    target = model_dir(tmp_path / "cache", SPEC)
    target.mkdir(parents=True)
    (target / "poids.bin.123456789abc.partial").write_bytes(b"x")
    (target / ".passerelle.plan.json").write_text("{}")
    bring(tmp_path / "cache", SPEC, folder, ignored)
    found = inspect(tmp_path / "cache", SPEC)
    assert found.complete and found.commit == "a" * 40 and not list(target.rglob("*.partial"))
    # Les dates du manifeste sont celles des fichiers en place : un chargement n'a rien à relire.
    said = json.loads((target / ".passerelle.json").read_text())["files"]
    assert all((target / name).stat().st_mtime_ns == one["mtime_ns"] for name, one in said.items())


def test_an_interrupted_import_is_seen_and_removed(folder: Path, tmp_path: Path) -> None:
    """Tué net, il laisse un dossier caché : le suivant s'en passe, `remove` le retire."""
    left = tmp_path / "cache" / "m" / ".import-main"
    left.mkdir(parents=True)
    (left / "poids.bin").write_bytes(b"x" * 10)
    found = revisions(tmp_path / "cache", SPEC)
    assert [(one.name, one.bytes, one.current) for one in found] == [("main", 10, False)]
    erase(set_aside("m", found))
    assert not left.exists()
    left.mkdir()
    bring(tmp_path / "cache", SPEC, folder, ignored)
    assert not left.exists() and inspect(tmp_path / "cache", SPEC).complete


def test_two_imports_at_once_do_no_harm(folder: Path, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def one() -> None:
        try:
            bring(tmp_path / "cache", SPEC, folder, ignored)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and inspect(tmp_path / "cache", SPEC).complete


@pytest.mark.parametrize("place", ["m", "m/notes.txt"])
def test_what_is_not_an_export_is_never_replaced(folder: Path, tmp_path: Path, place: str) -> None:
    theirs = tmp_path / "ailleurs" / place
    theirs.parent.mkdir(parents=True)
    theirs.write_text("à moi")
    with pytest.raises(InvalidRequest, match="n'est pas un export"):
        export(tmp_path / "source", SPEC, tmp_path / "ailleurs", ignored)
    assert theirs.read_text() == "à moi"


def test_a_spoiled_cache_is_not_exported(folder: Path, tmp_path: Path) -> None:
    (model_dir(tmp_path / "source", SPEC) / "poids" / "a.bin").write_bytes(b"b" * 10_000)
    before = (folder / "m" / parcel.MANIFEST).read_bytes()
    with pytest.raises(IntegrityMismatch, match=r"poids/a\.bin"):
        export(tmp_path / "source", SPEC, folder, ignored)
    assert (folder / "m" / parcel.MANIFEST).read_bytes() == before and [one.name for one in folder.iterdir()] == ["m"]
