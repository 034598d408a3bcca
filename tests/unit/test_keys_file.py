"""Les clés d'un fichier monté, le même sur plusieurs machines : suivi à chaque appel, et jamais écrit par le serveur."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from passerelle.v1 import keys_pb2

from server.cli.app import cli
from server.control.record.keys import KeyBook
from server.control.services.keys import KeyService
from server.domain import Limits
from server.errors import InvalidApiKey, KeysReadOnly, RevokedApiKey
from server.named_keys import KEYS, KeyTable
from server.rpc.auth import Guard
from server.settings.changes import change
from server.settings.config import load_config
from server.settings.secrets import check_keys_file
from server.tables import ConfigError
from tests.support.named_keys import Issued, issued, save

CHAT = "/passerelle.v1.ChatService/Chat"
Put = Callable[..., None]


def guard_of(path: Path) -> Guard:
    return Guard((), (), named=KeyTable(path, path, mounted=True))


def opens(guard: Guard, key: Issued) -> bool:
    try:
        return guard.check(CHAT, key.headers).id == key.key.id
    except InvalidApiKey:
        return False


def _replaced(path: Path, *keys: Issued) -> None:
    save(path, keys)


def _rewritten(path: Path, *keys: Issued) -> None:
    """Le même fichier, récrit sur place : son numéro ne change pas, ni sa taille."""
    fresh = path.with_name("neuf")
    save(fresh, keys)
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(fresh.read_bytes())
        file.truncate()


def _swapped(path: Path, *keys: Issued) -> None:
    """À la façon de Kubernetes : un dossier neuf, et le lien `..data` qui y mène remplacé d'un coup."""
    folder = path.parent / f"..{len(list(path.parent.iterdir()))}"
    folder.mkdir()
    save(folder / path.name, keys)
    fresh = path.parent / "..data_tmp"
    fresh.symlink_to(folder.name)
    fresh.rename(path.parent / "..data")
    if not path.is_symlink():
        path.symlink_to(f"..data/{path.name}")


@pytest.mark.parametrize("put", [_replaced, _rewritten, _swapped])
def test_a_change_holds_from_the_next_call(tmp_path: Path, put: Put) -> None:
    path = tmp_path / KEYS
    keys = [issued("chat") for _ in range(6)]
    put(path, keys[0])
    guards = [guard_of(path), guard_of(path)]
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        for guard in guards:
            assert opens(guard, key)
        if following is None:
            continue
        put(path, following)
        for guard in guards:
            assert opens(guard, following) and not opens(guard, key)
    put(path, issued("chat", ended="revoked"), keys[0])
    assert all(opens(guard, keys[0]) for guard in guards)


def test_a_file_that_goes_or_breaks_leaves_the_last_one_and_never_opens(tmp_path: Path) -> None:
    path, key = tmp_path / KEYS, issued("chat")
    _replaced(path, key)
    guard = guard_of(path)
    assert opens(guard, key)
    path.write_bytes(b'{"version": 1, "ke')
    assert opens(guard, key)
    path.unlink()
    assert opens(guard, key) and not guard.inference_open
    late = guard_of(path)
    assert not late.inference_open and not late.admin_open and not opens(late, key)
    _replaced(path, key)
    assert opens(late, key)


async def test_the_service_shows_it_and_refuses_to_change_it_by_name(tmp_path: Path) -> None:
    path, key = tmp_path / KEYS, issued("chat", owner="atelier")
    _replaced(path, key)
    before = path.read_bytes()
    service = KeyService(KeyBook(path, None, Limits(), mounted=True), str, Limits(), lambda: 1.0)
    [shown] = (await service.ListKeys(keys_pb2.ListKeysRequest(), None)).keys
    assert (shown.id, shown.owner) == (key.key.id, "atelier")
    calls: tuple[tuple[Any, Any], ...] = (
        (service.CreateKey, keys_pb2.CreateKeyRequest()),
        (service.RotateKey, keys_pb2.RotateKeyRequest(id=key.key.id)),
        (service.RevokeKey, keys_pb2.RevokeKeyRequest(id=key.key.id)),
    )
    for call, request in calls:
        with pytest.raises(KeysReadOnly, match="PASSERELLE_KEYS_FILE") as refused:
            await call(request, None)
        assert refused.value.metadata == {"field": "PASSERELLE_KEYS_FILE", "value": str(path)}
    assert path.read_bytes() == before and os.listdir(tmp_path) == [KEYS]


def test_the_command_writes_it_without_a_server(tmp_path: Path) -> None:
    path = tmp_path / KEYS

    def run(*verb: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["keys", "--file", str(path), *verb])
        assert done.exit_code == code, done.output
        return done.stdout

    value = run("create", "--scope", "chat", "--model", "qwen", "--owner", "atelier").strip()
    assert value not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    guard = guard_of(path)
    found = guard.check(CHAT, [("authorization", f"Bearer {value}")])
    assert (found.owner, found.models) == ("atelier", frozenset({"qwen"}))
    assert found.id in run("list") and json.loads(run("list", "--json"))["keys"][0]["owner"] == "atelier"
    renewed = run("rotate", found.id, "--overlap", "0").strip()
    assert guard.check(CHAT, [("authorization", f"Bearer {renewed}")]).id == found.id
    run("revoke", found.id)
    with pytest.raises(RevokedApiKey):
        guard.check(CHAT, [("authorization", f"Bearer {renewed}")])
    run("revoke", "psl_inconnue22", code=1)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"version": 9, "keys": []}'])
def test_a_server_does_not_start_on_what_is_not_a_table(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / KEYS
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="PASSERELLE_KEYS_FILE"):
        check_keys_file(path)
    save(path, [])
    check_keys_file(path)
    check_keys_file(None)


def test_the_setting_closes_the_server_and_holds_until_a_restart(tmp_path: Path) -> None:
    base = {"PASSERELLE_PROFILE": "embarque", "MODEL_CACHE_DIR": str(tmp_path)}
    without, named = load_config(base), load_config(base | {"PASSERELLE_KEYS_FILE": str(tmp_path / KEYS)})
    assert named.keyed and not without.keyed and named.keys_file == tmp_path / KEYS
    with pytest.raises(ConfigError, match="PASSERELLE_KEYS_FILE"):
        change(without, named)
