"""Le journal qui ne s'ouvre pas : abîmé, il est mis de côté ; occupé ou interdit, il reste où il est."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from server.control.record.journal import Journal
from server.control.record.operations import Operation, OperationKind
from server.control.record.trouble import JournalUnavailable
from tests.support.rights import open_folder, unprivileged


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite attend cinq secondes un verrou qui, ici, ne sera pas rendu.
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **{**named, "timeout": 0.1}))


async def written(path: Path, operations: int = 1) -> None:
    journal = Journal(path)
    await journal.open()
    journal.choose("gpus/qwen", [2])
    for _ in range(operations):
        journal.save(Operation(OperationKind.LOAD, "qwen"))
    await journal.aclose()


async def assert_kept(path: Path) -> None:
    """Rien n'a été mis de côté, et tout est encore là."""
    assert not list(path.parent.glob("*.illisible*"))
    journal = Journal(path)
    await journal.open()
    assert await journal.choices() == {"gpus/qwen": [2]}
    await journal.aclose()


async def refused(path: Path) -> str:
    with pytest.raises(JournalUnavailable) as caught:
        await Journal(path).open()
    return str(caught.value)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _written_by_another(path: Path) -> Iterator[None]:
    # Une base remise d'une sauvegarde n'est pas en WAL : ouvrir doit alors attendre qui la tient.
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("held", [_locked, _written_by_another], ids=["verrou exclusif", "écriture en cours"])
async def test_a_busy_journal_is_kept(tmp_path: Path, held: Callable[[Path], AbstractContextManager[None]]) -> None:
    path = tmp_path / "journal.sqlite"
    await written(path)
    with held(path):
        assert "un autre programme l'emploie" in await refused(path)
    await assert_kept(path)


async def test_a_journal_that_may_not_be_written_is_kept() -> None:
    with open_folder() as folder:
        path = folder / "journal.sqlite"
        await written(path)
        for target in (path, folder):
            target.chmod(0o555)
        with unprivileged():
            assert str(path) in await refused(path)
        folder.chmod(0o755)
        path.chmod(0o644)
        await assert_kept(path)


async def test_a_journal_in_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "etat").write_text("un fichier")
    assert "un fichier a déjà ce nom" in await refused(tmp_path / "etat" / "journal.sqlite")
    (tmp_path / "journal.sqlite").mkdir()
    assert "c'est un dossier" in await refused(tmp_path / "journal.sqlite")


_ON_A_FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from server.control.record.journal import Journal
from server.control.record.trouble import JournalUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    asyncio.run(Journal(Path(sys.argv[1])).open())
except JournalUnavailable as error:
    print(error)
"""


async def test_a_journal_the_disk_has_no_room_for_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await written(path)
    command = [sys.executable, "-c", _ON_A_FULL_DISK, str(path), "512"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "le disque" in done.stdout
    await assert_kept(path)


async def test_a_damaged_page_is_found_at_opening_and_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await written(path, operations=200)
    content = bytearray(path.read_bytes())
    content[8192:16384] = b"\xa5" * 8192
    path.write_bytes(content)
    journal = Journal(path)
    await journal.open()
    assert await journal.page(10) == ([], 0) and await journal.choices() == {}
    await journal.aclose()
    assert path.with_suffix(".illisible").read_bytes() == content


async def test_a_second_damaged_journal_leaves_the_first_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    for content in (b"une" * 1000, b"deux" * 1000):
        path.write_bytes(content)
        journal = Journal(path)
        await journal.open()
        await journal.aclose()
    assert path.with_suffix(".illisible").read_bytes().startswith(b"une")
    assert path.with_suffix(".illisible-2").read_bytes().startswith(b"deux")
