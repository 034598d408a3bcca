"""Ce qu'un hub refuse, rate ou abîme : chaque fois une erreur propre, et rien de perdu."""

import errno
import json
import logging
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from server.control.weights import fetching, hub_files
from server.control.weights.cache import download_lock, inspect
from server.control.weights.download_process import run
from server.errors import (
    DiskFull,
    HubAccessDenied,
    HubNotFound,
    HubTokenInvalid,
    HubTokenMissing,
    HubUnreachable,
    IntegrityMismatch,
    PasserelleError,
)
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import (
    BIG,
    FILES,
    REPOSITORY,
    TOTAL,
    content,
    download,
    folder_of,
    settings,
    settings_at,
)
from tests.support.rights import open_folder, unprivileged


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.add(REPOSITORY, FILES)
    with serving_hub(found):
        yield found


@pytest.mark.parametrize(
    ("repository", "token", "revision", "error", "said"),
    [
        ("org/ferme", "", "main", HubTokenMissing, "à accès restreint"),
        ("org/ferme", "hf_autre", "main", HubAccessDenied, "acceptez les conditions"),
        ("org/ferme", "hf_faux", "main", HubTokenInvalid, "ne reconnaît pas"),
        ("org/prive", "", "main", HubTokenMissing, "privé, ou n'existe pas"),
        ("org/absent", "hf_autre", "main", HubNotFound, "inconnu"),
        (REPOSITORY, "", "v9", HubNotFound, "révision « v9 »"),
        (REPOSITORY, "", "0" * 40, HubNotFound, "révision"),
    ],
)
def test_each_refusal_has_its_error(
    hub: Hub,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    repository: str,
    token: str,
    revision: str,
    error: type[PasserelleError],
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.add("org/ferme", FILES, gated=True)
    hub.add("org/prive", FILES, private=True)
    hub.tokens, hub.members = {"hf_autre", "hf_membre"}, {"hf_membre"}
    chosen = settings(hub, tmp_path, token=token, repository=repository, revision=revision)
    with pytest.raises(error, match=said) as caught:
        download(chosen)
    assert hub.sent == 0 and not inspect(chosen.cache_dir, chosen.spec).complete
    assert not token or (token not in caplog.text and token not in str(caught.value) and token not in repr(chosen))


def test_a_hub_that_stays_down_is_unreachable_and_keeps_what_came(hub: Hub, tmp_path: Path) -> None:
    trouble = hub.upset("poids/a.bin")
    trouble.cut_after, trouble.statuses = [1_000_000], [503] * 3
    chosen = replace(settings(hub, tmp_path), streams=1)
    with pytest.raises(HubUnreachable, match="503") as caught:
        download(chosen)
    assert caught.value.retry_after
    hub.trouble.clear()
    download(chosen)
    assert content(chosen) == FILES
    assert [(one.start, one.sent) for one in hub.transfers["poids/a.bin"]] == [(0, 1_000_000), (1_000_000, 2_000_000)]


def test_nobody_at_the_address(hub: Hub, tmp_path: Path) -> None:
    chosen = replace(settings(hub, tmp_path), endpoint="http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match="HF_ENDPOINT"):
        download(chosen)


def test_a_silent_hub_is_not_waited_for_ever(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        chosen = replace(settings(hub, tmp_path), endpoint=address)
        for asked in (chosen, settings_at(chosen, "0" * 40)):
            with pytest.raises(HubUnreachable, match="ReadTimeout"):
                download(asked)


def test_an_address_that_is_no_hub(hub: Hub, tmp_path: Path) -> None:
    """Un portail captif répond 200 et une page à tout."""
    hub.portal = True
    with pytest.raises(HubUnreachable, match="ne répond pas comme un hub"):
        download(settings(hub, tmp_path))


def test_wrong_bytes_are_refused_then_redone(hub: Hub, tmp_path: Path) -> None:
    hub.upset("poids/a.bin").wrong = b"z" * len(BIG)
    chosen = settings(hub, tmp_path)
    with pytest.raises(IntegrityMismatch, match=r"poids/a\.bin"):
        download(chosen)
    hub.trouble.clear()
    download(chosen)
    assert content(chosen) == FILES
    hub.upset("config.json").wrong = b"[]"
    with pytest.raises(IntegrityMismatch, match=r"config\.json"):
        download(settings(hub, tmp_path / "2"))
    for wrong in (b"{}trop long", b"{"):
        hub.upset("config.json").wrong = wrong
        with pytest.raises(IntegrityMismatch, match="le hub en annonce 2"):
            download(settings(hub, tmp_path / "3"))


def test_a_full_disk_is_seen_before_a_byte(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ce qui est déjà là compte."""
    chosen = settings(hub, tmp_path)
    room = TOTAL - len(BIG) + fetching.SPARE_BYTES

    class Usage:
        free = room

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage)
    with pytest.raises(DiskFull) as caught:
        download(chosen)
    assert hub.sent == 0 and caught.value.metadata["limit"] == str(room)
    assert caught.value.metadata["value"] == str(TOTAL + fetching.SPARE_BYTES)
    (folder_of(chosen) / "poids").mkdir()
    (folder_of(chosen) / "poids" / "a.bin").write_bytes(BIG)
    download(chosen)
    assert content(chosen) == FILES and "poids/a.bin" not in hub.transfers


def test_a_disk_that_fills_up_says_so(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub_files, "_receive", full)
    assert run(settings(hub, tmp_path)) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["reason"]) == ("failed", "DISK_FULL")


def test_weights_one_may_only_read_are_served_and_not_downloaded(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    with open_folder() as folder:
        here = settings(hub, folder)
        download(here)
        with unprivileged():
            assert inspect(here.cache_dir, here.spec).complete
            assert run(settings_at(here, "autre")) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["reason"] == "DOWNLOAD_FAILED"
    assert last["message"].startswith("MODEL_CACHE_DIR n'est pas inscriptible pour ce serveur (accès refusé")


def test_each_revision_has_its_lock(hub: Hub, tmp_path: Path) -> None:
    one, other = (
        settings(hub, tmp_path),
        settings_at(settings(hub, tmp_path), hub.repositories[REPOSITORY].refs["main"]),
    )
    folder_of(one).mkdir(parents=True)
    with FileLock(download_lock(folder_of(one))):
        download(other)
    assert content(other) == FILES and not inspect(one.cache_dir, one.spec).complete


def test_a_commit_that_vanished_is_chosen_anew(hub: Hub, tmp_path: Path) -> None:
    chosen = settings(hub, tmp_path)
    hub.upset("poids/a.bin").statuses = [403]
    with pytest.raises(HubTokenMissing):
        download(chosen)
    old = hub.repositories[REPOSITORY].refs["main"]
    hub.add(REPOSITORY, FILES | {"config.json": b"[]"})
    hub.repositories[REPOSITORY].commits[old] = {}
    with pytest.raises(HubNotFound):
        download(chosen)
    download(chosen)
    assert content(chosen) == FILES | {"config.json": b"[]"}


def test_a_server_that_never_gets_further_is_given_up(hub: Hub, tmp_path: Path) -> None:
    trouble = hub.upset("poids/a.bin")
    trouble.cut_after, trouble.ignore_range = [500_000] * 50, True
    with pytest.raises(HubUnreachable):
        download(settings(hub, tmp_path))
    assert len(hub.transfers["poids/a.bin"]) == 3
