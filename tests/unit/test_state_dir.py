"""Le dossier d'état : à un seul serveur, fermé aux autres, sur un disque qui convient, ou refusé en disant pourquoi."""

import errno
import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from server.control.record import database
from server.control.record.journal import Journal
from server.control.record.operations import Operation, OperationKind
from server.control.record.schema import JOURNAL
from server.control.record.state_dir import PID_FILE, StateDir, StateRefused
from server.control.weights.cache import WeightsRefused, check_folder
from tests.support.rights import open_folder, unprivileged


async def choices_of(folder: Path) -> dict[str, object]:
    journal = Journal(folder / JOURNAL)
    await journal.open()
    try:
        return await journal.choices()
    finally:
        await journal.aclose()


async def chosen(folder: Path) -> None:
    journal = Journal(folder / JOURNAL)
    await journal.open()
    journal.choose("gpus/qwen", [2])
    await journal.aclose()


def refused(folder: Path, former: Path) -> str:
    with pytest.raises(StateRefused) as caught:
        StateDir(folder, former)
    return str(caught.value)


@contextmanager
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


async def test_everything_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "etat"
    with open_to_all():
        folder.mkdir(mode=0o777)
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            (folder / name).touch(mode=0o666)
        with StateDir(folder, folder) as state:
            journal = Journal(folder / JOURNAL)
            await journal.open()
            journal.save(Operation(OperationKind.LOAD, "qwen"))
            await journal.page(1)
            modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
            await journal.aclose()
    assert state.warnings == [] and not (folder / PID_FILE).exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys((".lock", PID_FILE, JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm"), 0o600)


async def test_the_journal_is_moved_over_once(tmp_path: Path) -> None:
    former, folder = tmp_path / "poids" / ".passerelle", tmp_path / "etat"
    await chosen(former)
    with StateDir(folder, former) as state:
        assert state.warnings == [f"le journal de « {former} » est désormais dans « {folder} »."]
        assert await choices_of(folder) == {"gpus/qwen": [2]}
    assert not list(former.glob("journal*"))
    with StateDir(folder, former) as state:
        assert state.warnings == []
    # Un journal revenu là-bas (une version d'avant y a tourné) n'écrase pas celui d'ici.
    await (await _opened(former)).aclose()
    with StateDir(folder, former) as state:
        assert state.warnings == [] and await choices_of(folder) == {"gpus/qwen": [2]}


async def _opened(folder: Path) -> Journal:
    journal = Journal(folder / JOURNAL)
    await journal.open()
    return journal


_KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("INSERT OR REPLACE INTO choices VALUES ('gpus/qwen', '[3]')")
os._exit(0)
"""


async def test_what_a_killed_server_left_beside_its_journal_moves_too(tmp_path: Path) -> None:
    former, folder = tmp_path / ".passerelle", tmp_path / "etat"
    await chosen(former)
    subprocess.run([sys.executable, "-c", _KILLED, str(former / JOURNAL)], check=True)
    assert (former / f"{JOURNAL}-wal").stat().st_size
    with StateDir(folder, former):
        assert await choices_of(folder) == {"gpus/qwen": [3]}


async def test_a_damaged_journal_moves_and_is_put_aside(tmp_path: Path) -> None:
    former, folder = tmp_path / ".passerelle", tmp_path / "etat"
    former.mkdir()
    (former / JOURNAL).write_bytes(b"ceci n'est pas une base" * 100)
    with StateDir(folder, former):
        assert (folder / "journal.illisible").read_bytes().startswith(b"ceci")


async def test_a_journal_in_use_where_it_was_is_not_moved(tmp_path: Path) -> None:
    former, folder = tmp_path / ".passerelle", tmp_path / "etat"
    await chosen(former)
    journal = await _opened(former)
    await journal.choices()
    assert "un autre programme l'emploie" in refused(folder, former)
    await journal.aclose()
    with StateDir(folder, former):
        assert await choices_of(folder) == {"gpus/qwen": [2]}


async def test_the_journal_of_another_server_stays_its_own(tmp_path: Path) -> None:
    former, folder = tmp_path / ".passerelle", tmp_path / "etat"
    await chosen(former)
    with StateDir(former, former), StateDir(folder, former) as state:
        assert f"y reste : il est à un autre serveur (processus {os.getpid()}" in state.warnings[0]
        assert await choices_of(folder) == {} and await choices_of(former) == {"gpus/qwen": [2]}


def test_a_second_server_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    with StateDir(tmp_path, tmp_path):
        said = refused(tmp_path, tmp_path)
        assert f"processus {os.getpid()} de la machine « {socket.gethostname()} »" in said and str(tmp_path) in said
    StateDir(tmp_path, tmp_path).close()


def test_a_killed_server_leaves_its_state_to_the_next(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from server.control.record.state_dir import StateDir; "
    code += "held = StateDir(Path(sys.argv[1]), Path(sys.argv[1])); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    StateDir(tmp_path, tmp_path).close()


def test_a_folder_one_may_not_write_is_named() -> None:
    with open_folder() as base:
        with unprivileged():
            said = refused(base / "etat", base)
            assert "PASSERELLE_STATE_DIR" in said and f"« {base / 'etat'} »" in said and "accès refusé" in said
        (base / "fichier").touch()
        assert "un fichier a déjà ce nom" in refused(base / "fichier", base)
        (base / "etat").mkdir(mode=0o755)
        with unprivileged():
            assert "accès refusé" in refused(base / "etat", base)


def test_a_folder_that_cannot_be_closed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", _forbidden)
    with StateDir(tmp_path, tmp_path) as state:
        assert "reste ouvert à d'autres (mode 0755)" in state.warnings[0]


def _forbidden(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_disk_that_cannot_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "verrous indisponibles")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert "verrous indisponibles" in refused(tmp_path, tmp_path)


MOUNTED = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /raid rw,relatime - xfs /dev/md0 rw
41 22 0:36 / /raid/partage rw - nfs4 serveur:/export rw,vers=4.2
42 22 0:37 / /mnt/un\\040disque rw - cifs //serveur/x rw
43 22 0:38 / /mnt/sshfs rw - fuse.sshfs moi@serveur:/ rw
44 22 0:39 / /raid/partage/local rw - ext4 /dev/sdb rw
45 22 0:40 / /mnt/fusion rw - fuse.mergerfs a:b rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/raid/etat", ""),
        ("/raid/partage/etat", "nfs4"),
        ("/raid/partage/local/etat", ""),
        ("/raid/partages", ""),
        ("/mnt/un disque/etat", "cifs"),
        ("/mnt/sshfs", "fuse.sshfs"),
        ("/mnt/fusion/etat", ""),
        ("/", ""),
    ],
)
def test_a_network_disk_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, kind: str) -> None:
    monkeypatch.setattr(database, "MOUNTS", tmp_path / "mountinfo")
    assert database.network_type(Path(path)) == ""
    (tmp_path / "mountinfo").write_text(MOUNTED)
    assert database.network_type(Path(path)) == kind


async def test_a_network_disk_has_no_wal_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etat"
    await chosen(folder)
    mounted = tmp_path / "mountinfo"
    mounted.write_text(f"{MOUNTED}50 22 0:50 / {tmp_path} rw - nfs4 serveur:/etat rw\n")
    monkeypatch.setattr(database, "MOUNTS", mounted)
    with StateDir(folder, folder) as state:
        assert "en réseau (nfs4) ; le journal s'y passe de WAL" in state.warnings[0]
        journal = await _opened(folder)
        journal.choose("pinned/qwen", True)
        assert await journal.choices() == {"gpus/qwen": [2], "pinned/qwen": True}
        assert not (folder / f"{JOURNAL}-wal").exists()
        with closing(sqlite3.connect(folder / JOURNAL)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        await journal.aclose()


def test_weights_may_be_read_only_but_not_unreadable() -> None:
    with open_folder() as base:
        weights = base / "poids"
        assert check_folder(weights) == []
        with unprivileged():
            assert "rien n'y sera téléchargé" in check_folder(weights)[0]
            with pytest.raises(WeightsRefused, match="accès refusé"):
                check_folder(base / "ailleurs")
        weights.chmod(0o700)
        with unprivileged(), pytest.raises(WeightsRefused, match=f"MODEL_CACHE_DIR : « {weights} »"):
            check_folder(weights)


@pytest.mark.parametrize("variable", ["MODEL_CACHE_DIR", "PASSERELLE_STATE_DIR", "PASSERELLE_RUN_BASE"])
def test_serving_names_the_folder_and_stops(tmp_path: Path, variable: str) -> None:
    (tmp_path / "fichier").touch()
    env = {**os.environ, "MODEL_CACHE_DIR": str(tmp_path / "poids"), "HOST_PORT": "0", "PASSERELLE_PROFILE": "embarque"}
    env |= {variable: str(tmp_path / "fichier")}
    env.pop("HOST_PORT")
    command = [sys.executable, "-m", "server", "serve"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "prête" not in done.stdout
    assert done.stderr.startswith(f"Passerelle ne démarre pas : {variable} : ") and str(tmp_path) in done.stderr
