"""Les clés nommées chez le plan de contrôle : créées, renouvelées, révoquées, publiées, bornées."""

import stat
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import keys_pb2, route_pb2

from server.control.record.keys import KeyBook
from server.control.services.keys import KeyService
from server.domain import Limits
from server.errors import InvalidRequest, InvalidState, KeyNotFound, ModelNotFound
from server.named_keys import KEYS, KeyState, KeyTable, TableUnreadable, digest_of

MODELS = {"qwen": "qwen", "gpt": "qwen", "canary": "canary"}


def known(name: str) -> str:
    if name not in MODELS:
        raise ModelNotFound(f"Le modèle « {name} » n'existe pas.")
    return MODELS[name]


class Rig:
    """Table, service, et ce qu'un front en voit."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        (folder / "etat").mkdir()
        (folder / "prises").mkdir()
        self.path, self.shared = folder / "etat" / KEYS, folder / "prises" / KEYS
        self.now = time.time()
        self.limits = Limits(**limits)
        self.book = KeyBook(self.path, self.shared, self.limits, lambda: self.now)
        self.service = KeyService(self.book, known, self.limits, lambda: self.now)
        self.table = KeyTable(self.shared, self.path)

    async def create(self, **fields: Any) -> keys_pb2.CreateKeyResponse:
        return await self.service.CreateKey(keys_pb2.CreateKeyRequest(**fields), None)

    async def listed(self, **fields: Any) -> keys_pb2.ListKeysResponse:
        return await self.service.ListKeys(keys_pb2.ListKeysRequest(**fields), None)

    def state(self, value: str) -> KeyState | None:
        found = self.table.find(value, digest_of(value))
        return found.state if found else None


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_value_is_told_once_and_kept_nowhere(rig: Rig) -> None:
    made = await rig.create(owner="atelier", note="essai", models=["gpt", "qwen"], lifetime=Duration(seconds=60))
    assert made.value.startswith(made.key.id + "_") and len(made.value) > 50
    assert list(made.key.scopes) == [route_pb2.SCOPE_CHAT, route_pb2.SCOPE_TRANSCRIBE, route_pb2.SCOPE_DIARIZE]
    assert list(made.key.models) == ["qwen"] and made.key.owner == "atelier"
    assert made.key.expires_at.ToSeconds() - made.key.created_at.ToSeconds() == 60
    secret = made.value.removeprefix(made.key.id + "_")
    for path in (rig.path, rig.shared):
        assert secret not in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rig.state(made.value) is KeyState.ACTIVE
    assert list((await rig.listed()).keys) == [made.key]


async def test_the_newest_first_by_prefix_and_by_page(rig: Rig) -> None:
    made = [(await rig.create(note=str(number))).key for number in range(3)]
    assert [key.note for key in (await rig.listed()).keys] == ["2", "1", "0"]
    for prefix in (made[1].id, made[1].id.removeprefix("psl_")):
        assert [key.note for key in (await rig.listed(prefix=prefix)).keys] == ["1"]
    page = await rig.listed(page_size=2)
    assert len(page.keys) == 2
    assert [key.note for key in (await rig.listed(page_token=page.next_page_token)).keys] == ["0"]
    with pytest.raises(InvalidRequest):
        await rig.listed(page_size=1001)


async def test_a_renewed_key_keeps_its_name_and_its_old_value_a_while(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await rig.create()
    overlap = Duration(seconds=30)
    renewed = await rig.service.RotateKey(keys_pb2.RotateKeyRequest(id=made.key.id, overlap=overlap), None)
    assert renewed.key.id == made.key.id and renewed.value != made.value
    assert renewed.key.previous_until.ToSeconds() - renewed.key.rotated_at.ToSeconds() == 30
    assert rig.state(made.value) is rig.state(renewed.value) is KeyState.ACTIVE
    monkeypatch.setattr(time, "time", lambda: rig.now + 31)
    assert (rig.state(made.value), rig.state(renewed.value)) == (KeyState.EXPIRED, KeyState.ACTIVE)
    monkeypatch.undo()
    at_once = await rig.service.RotateKey(keys_pb2.RotateKeyRequest(id=made.key.id, overlap=Duration()), None)
    assert (rig.state(made.value), rig.state(renewed.value)) == (None, KeyState.EXPIRED)
    assert rig.state(at_once.value) is KeyState.ACTIVE


async def test_a_revoked_key_stays_revoked(rig: Rig) -> None:
    made = await rig.create()
    short = made.key.id.removeprefix("psl_")
    revoked = (await rig.service.RevokeKey(keys_pb2.RevokeKeyRequest(id=short), None)).key
    assert revoked.state == keys_pb2.KEY_STATE_REVOKED and rig.state(made.value) is KeyState.REVOKED
    rig.now += 5
    assert (await rig.service.RevokeKey(keys_pb2.RevokeKeyRequest(id=short), None)).key == revoked
    with pytest.raises(InvalidState, match="révoquée"):
        await rig.service.RotateKey(keys_pb2.RotateKeyRequest(id=short), None)


async def test_a_whole_value_names_its_key_and_is_not_told_back(rig: Rig) -> None:
    made = await rig.create()
    revoked = await rig.service.RevokeKey(keys_pb2.RevokeKeyRequest(id=made.value), None)
    assert revoked.key.id == made.key.id and rig.state(made.value) is KeyState.REVOKED
    unknown = "psl_aaaaaaaaaa_" + made.value.removeprefix(made.key.id + "_")
    with pytest.raises(KeyNotFound) as caught:
        await rig.service.RevokeKey(keys_pb2.RevokeKeyRequest(id=unknown), None)
    assert unknown not in str(caught.value) + str(caught.value.metadata)


async def test_an_expired_key_is_not_renewed(rig: Rig) -> None:
    made = await rig.create(lifetime=Duration(seconds=10))
    rig.now += 10
    assert (await rig.listed()).keys[0].state == keys_pb2.KEY_STATE_EXPIRED
    with pytest.raises(InvalidState, match="expirée"):
        await rig.service.RotateKey(keys_pb2.RotateKeyRequest(id=made.key.id), None)


async def test_an_unknown_key_is_named(rig: Rig) -> None:
    for call in (rig.book.revoke("zzz"), rig.book.rotate("zzz", 0.0)):
        with pytest.raises(KeyNotFound) as caught:
            await call
        assert caught.value.metadata == {"field": "id", "value": "zzz"}
    assert not rig.path.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scopes": [route_pb2.SCOPE_PUBLIC]}, "scopes"),
        ({"scopes": [route_pb2.SCOPE_CHAT, 77]}, "scopes"),
        ({"owner": "x" * 201}, "owner"),
        ({"note": "é" * 201}, "note"),
        ({"lifetime": Duration(seconds=0)}, "lifetime"),
        ({"lifetime": Duration(seconds=-5)}, "lifetime"),
        ({"lifetime": Duration(seconds=10**11)}, "lifetime"),
    ],
)
async def test_what_cannot_be_a_key_is_named(rig: Rig, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await rig.create(**fields)
    assert caught.value.metadata["field"] == field
    assert not rig.path.exists()


async def test_a_model_of_nobody_is_refused(rig: Rig) -> None:
    with pytest.raises(ModelNotFound):
        await rig.create(models=["autre"])


async def test_the_table_is_bounded_and_forgets_its_oldest_ended_keys(tmp_path: Path) -> None:
    rig = Rig(tmp_path, max_named_keys=2)
    values = []
    for _ in range(5):
        made = await rig.create()
        values.append(made.value)
        await rig.book.revoke(made.key.id)
    live = [(await rig.create()).value for _ in range(2)]
    with pytest.raises(InvalidState) as caught:
        await rig.create()
    assert caught.value.metadata == {"field": "max_named_keys", "limit": "2", "value": "3"}
    assert [rig.state(value) for value in values] == [None] * 3 + [KeyState.REVOKED] * 2
    assert [rig.state(value) for value in live] == [KeyState.ACTIVE] * 2


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9, "keys": []}'])
async def test_a_table_that_cannot_be_read_is_left_as_it_is(rig: Rig, content: str) -> None:
    made = await rig.create()
    rig.path.write_text(content)
    with pytest.raises(InvalidState):
        await rig.create()
    with pytest.raises(TableUnreadable):
        await rig.book.publish()
    assert rig.path.read_text() == content
    assert rig.state(made.value) is KeyState.ACTIVE


async def test_a_restart_publishes_what_was_kept(rig: Rig) -> None:
    await rig.book.publish()
    assert not rig.shared.exists() and not rig.table.used
    made = await rig.create()
    rig.shared.unlink()
    again = KeyTable(rig.shared, rig.path)
    await rig.book.publish()
    assert again.find(made.value, digest_of(made.value)) is not None
    assert rig.shared.read_bytes() == rig.path.read_bytes()


async def test_two_writings_in_the_same_instant_are_told_apart(rig: Rig) -> None:
    """Un fichier neuf peut reprendre le numéro de celui qu'il remplace : sa date, elle, croît toujours."""
    dates = []
    for _ in range(20):
        await rig.create()
        dates.append(rig.shared.stat().st_mtime_ns)
    assert dates == sorted(set(dates))
