"""Retirer des poids : ce qui part, la place rendue, ce qui est refusé ; par le serveur, ou sans lui."""

import asyncio
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from passerelle.v1 import model_verbs_pb2

from server.cli.app import cli
from server.control.record.state_dir import StateDir
from server.control.weights.cache import MANIFEST, download_lock
from server.control.weights.in_use import use, used
from server.control.weights.removal import erase, revisions, set_aside
from server.errors import InvalidState, ModelNotFound
from server.settings.profile import load_profile
from tests.support.models_rig import Rig, make, spec
from tests.support.rights import open_folder, unprivileged
from tests.unit.test_gpu_admin import service_of

KIB = 1024


def weights(folder: Path, size: int = KIB) -> Path:
    (folder / "sous").mkdir(parents=True)
    (folder / "sous" / "poids.bin").write_bytes(b"x" * size)
    return folder


@pytest.fixture
async def rig(tmp_path: Path) -> Any:
    made = await make(tmp_path, 2)
    yield made
    for model in made.models:
        await model.aclose()
    await made.journal.aclose()


def test_what_leaves_and_what_it_frees(tmp_path: Path) -> None:
    model = tmp_path / "a"
    weights(model / "1")
    old = weights(model / "0", 3 * KIB)
    interrupted = weights(model / ".retrait-zz")
    (model / ".0.lock").touch()
    for kept in ("models--org--a", ".cache"):
        (model / kept).mkdir()
    # Un lien dur qu'un autre cache tient, un lien vers ailleurs : leur retrait ne rend rien.
    other = tmp_path / "ailleurs.bin"
    other.write_bytes(b"y" * KIB)
    os.link(other, old / "lié.bin")
    (old / "loin.bin").symlink_to(other)
    (model / "lien").symlink_to(weights(tmp_path / "là-bas"))
    found = revisions(tmp_path, spec("a"))
    assert [(one.name, one.current) for one in found] == [("1", True), ("zz", False), ("0", False), ("lien", False)]
    assert [one.bytes for one in found] == [KIB, KIB, 3 * KIB + len(str(other)), 0]
    assert [one.name for one in revisions(tmp_path, spec("a"), old_only=True)] == ["zz", "0", "lien"]
    assert revisions(tmp_path, spec("b")) == []
    erase(set_aside("a", found))
    assert (
        not (model / "1").exists() and not old.exists() and not interrupted.exists() and not (model / "lien").exists()
    )
    assert other.exists() and (tmp_path / "là-bas" / "sous").is_dir() and (model / "models--org--a").is_dir()


def test_a_download_under_way_is_left_alone(tmp_path: Path) -> None:
    folder = weights(tmp_path / "a" / "1")
    lock = os.open(download_lock(folder), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InvalidState, match="téléchargement"):
            set_aside("a", revisions(tmp_path, spec("a")))
    finally:
        os.close(lock)
    assert (folder / "sous").is_dir()


def test_what_another_server_serves_is_kept(alone: Any, tmp_path: Path) -> None:
    """Un serveur qui partage le dossier sans partager l'état : son exemplaire tient sa révision, fût-elle ancienne."""
    with used(tmp_path / "qwen" / "ancienne"), used(tmp_path / "qwen" / "ancienne"):
        refused = alone("qwen", "--yes")
        assert (
            refused.exit_code == 1 and "Un autre processus se sert des poids de « qwen » (ancienne)" in refused.stderr
        )
        assert (tmp_path / "qwen" / "ancienne" / "sous").is_dir()
    assert alone("qwen", "--yes").exit_code == 0 and not (tmp_path / "qwen" / "ancienne").exists()


def test_a_folder_one_may_only_read_is_held_where_it_was_once() -> None:
    with open_folder() as shared:
        held, never = weights(shared / "a" / "1"), weights(shared / "b" / "1")
        with used(held):
            pass
        with unprivileged():
            assert use(never) is None
            with used(held), pytest.raises(InvalidState, match=r"ne peuvent qu.être lus|se sert des poids"):
                set_aside("a", revisions(shared, spec("a")))


def test_weights_one_may_only_read_are_kept() -> None:
    with open_folder() as shared:
        folder = weights(shared / "qwen" / load_profile("embarque").models[0].source.revision)
        folder.parent.chmod(0o555)
        found = revisions(shared, load_profile("embarque").models[0])
        with unprivileged(), pytest.raises(InvalidState, match="« qwen » ne peuvent qu'être lus ici"):
            set_aside("qwen", found)
        assert (folder / "sous").is_dir()


async def test_a_loaded_model_keeps_its_weights(rig: Rig, tmp_path: Path) -> None:
    service, poids = service_of(rig), tmp_path / "poids"
    weights(poids / "a" / "1")
    weights(poids / "a" / "0", 2 * KIB)

    async def remove(**fields: Any) -> model_verbs_pb2.RemoveWeightsResponse:
        request = model_verbs_pb2.RemoveWeightsRequest(model="a", **fields)
        answer: model_verbs_pb2.RemoveWeightsResponse = await service.RemoveWeights(request, None)
        return answer

    with pytest.raises(ModelNotFound):
        await service.RemoveWeights(model_verbs_pb2.RemoveWeightsRequest(model="absent"), None)
    seen = await remove(dry_run=True)
    assert [(one.revision, one.freed_bytes, one.current) for one in seen.revisions] == [
        ("1", KIB, True),
        ("0", 2 * KIB, False),
    ]
    assert seen.freed_bytes == 3 * KIB and (poids / "a" / "0").is_dir()
    await rig.load()
    with pytest.raises(InvalidState, match="déchargez-le d'abord"):
        await remove()
    assert (await remove(old_only=True)).freed_bytes == 2 * KIB
    assert not (poids / "a" / "0").exists() and (poids / "a" / "1").is_dir()
    rig.replicas.leave.clear()
    leaving = rig.model().unload()
    with pytest.raises(InvalidState, match="déjà en cours d'opération"):
        await remove()
    rig.replicas.leave.set()
    await leaving.result()
    assert (await remove()).freed_bytes == KIB and not list((poids / "a").glob("[!.]*"))
    assert list((await remove()).revisions) == []


@pytest.fixture
def alone(tmp_path: Path) -> Any:
    """La commande, sans serveur."""
    spec = load_profile("embarque").models[0]
    weights(tmp_path / "qwen" / spec.source.revision, 3 * KIB)
    weights(tmp_path / "qwen" / "ancienne")
    env = {
        "PASSERELLE_RUN_BASE": "/absent",
        "PASSERELLE_PROFILE": "embarque",
        "MODEL_CACHE_DIR": str(tmp_path),
        "HOST_PORT": "1",
    }

    def run(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["remove", *arguments], env=env, input=text)

    return run


def test_without_a_server_the_command_removes_by_itself(alone: Any, tmp_path: Path) -> None:
    shown = alone("qwen", "--dry-run")
    assert shown.exit_code == 0 and "3,0 Kio" in shown.stdout and "du profil" in shown.stdout
    asked = alone("qwen", text="o\n")
    assert asked.exit_code == 2 and "--yes" in asked.stderr and (tmp_path / "qwen" / "ancienne").is_dir()
    done = alone("qwen", "--old", "--yes")
    assert "qwen : 1,0 Kio rendus" in done.stdout and not (tmp_path / "qwen" / "ancienne").exists()
    told = json.loads(alone("qwen", "--yes", "--json").stdout)
    assert told["freed_bytes"] == 3 * KIB and told["revisions"][0]["current"]
    assert alone("qwen", "--yes").stdout == "Rien à retirer.\n"
    assert "MODEL_NOT_FOUND" in alone("absent", "--yes").stderr


def _verified(folder: Path, size: int = KIB) -> Path:
    """Révision qu'un téléchargement a vérifiée."""
    (weights(folder, size) / MANIFEST).write_text("{}")
    return folder


async def test_a_model_the_profile_no_longer_has_is_removed_by_its_key(rig: Rig, tmp_path: Path) -> None:
    service, poids = service_of(rig), tmp_path / "poids"
    first, second = _verified(poids / "ancien" / "1", 2 * KIB), _verified(poids / "ancien" / "2")
    foreign = weights(poids / "ailleurs" / "1")
    outside = _verified(tmp_path / "dehors" / "1")
    (poids / ".passerelle").mkdir()
    _verified(poids / ".passerelle" / "1")

    async def remove(name: str, **fields: Any) -> model_verbs_pb2.RemoveWeightsResponse:
        request = model_verbs_pb2.RemoveWeightsRequest(model=name, **fields)
        answer: model_verbs_pb2.RemoveWeightsResponse = await service.RemoveWeights(request, None)
        return answer

    for name in ("ailleurs", "../dehors", "..", ".passerelle", "ancien/1", "", "models--a"):
        with pytest.raises(ModelNotFound):
            await remove(name)
    seen = await remove("ancien", dry_run=True)
    assert [(one.revision, one.current) for one in seen.revisions] == [("1", False), ("2", False)] and first.is_dir()
    held = use(second)
    assert held is not None
    with pytest.raises(InvalidState):
        await remove("ancien")
    assert second.is_dir()
    os.close(held)
    await remove("ancien")
    assert not first.exists() and not second.exists() and foreign.is_dir() and outside.is_dir()
    with pytest.raises(ModelNotFound):
        await remove("ancien")


def test_without_a_server_too(alone: Any, tmp_path: Path) -> None:
    _verified(tmp_path / "ancien" / "1")
    assert "1,0 Kio" in alone("ancien", "--dry-run").stdout
    assert alone("ancien", "--yes").exit_code == 0 and not (tmp_path / "ancien" / "1").exists()
    assert "MODEL_NOT_FOUND" in alone("ancien", "--yes").stderr


def test_a_server_that_does_not_answer_keeps_its_weights(alone: Any, tmp_path: Path) -> None:
    with StateDir(tmp_path / ".passerelle", tmp_path / ".passerelle"):
        held = alone("qwen", "--yes")
    assert held.exit_code == 1 and "est tenu par" in held.stderr and (tmp_path / "qwen" / "ancienne").is_dir()
    named = CliRunner().invoke(cli, ["--address", "127.0.0.1:1", "remove", "qwen", "--yes"])
    assert named.exit_code == 1 and "UNAVAILABLE" in named.stderr


@pytest.mark.parametrize(("answer", "gone"), [("o", True), ("oui", True), ("n", False), ("", False)])
def test_a_person_confirms(
    alone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _self: True, raising=False)
    done = alone("qwen", "--old", text=f"{answer}\n")
    assert (tmp_path / "qwen" / "ancienne").exists() is not gone, (done.stdout, done.stderr)
    assert done.exit_code == (0 if gone else 1) and ("Abandonné." in done.stderr) is not gone


async def test_two_removals_at_once_do_no_harm(rig: Rig, tmp_path: Path) -> None:
    weights(tmp_path / "poids" / "a" / "1")
    found = await asyncio.gather(*(rig.models.remove("a", old_only=False, dry_run=False) for _ in range(2)))
    assert sorted(len(one) for one in found) == [0, 1]
    assert not (tmp_path / "poids" / "a" / "1").exists()
