"""Effacer un propriétaire : ni l'usage, ni la fenêtre, ni les quotas, ni les clés, ni le registre n'en gardent rien."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from passerelle.v1 import keys_pb2, keys_pb2_grpc, requests_pb2, usage_pb2, usage_pb2_grpc

from server.control.quotas.counters import Counters
from server.control.quotas.leases import LeaseService
from server.control.quotas.store import QUOTAS, QuotaStore
from server.control.record.audit import NAME, AuditLog, AuditSettings
from server.control.record.keys import KeyBook
from server.control.requests.store import USAGE, UsageStore
from server.control.requests.window import Request, Window
from server.control.services.keys import KeyService
from server.control.services.owners import Owners
from server.control.services.usage import UsageService
from server.domain import Limits
from server.named_keys import KEYS, KeyState, digest_of, read_table
from server.rpc.audit import Auditor
from server.rpc.tokens import owner_label
from tests.support.named_keys import issued, save
from tests.unit.test_audit import KEY, served

OWNER = "serin.dupont@exemple.fr"
NOTE = "portable de la serinette"
_EVER = 10**9
ISSUER = "https://identite.exemple"


class Site:
    """Un plan de contrôle réduit à ce qui garde quelque chose d'un appelant, et son dossier."""

    def __init__(self, folder: Path) -> None:
        (folder / "etat").mkdir()
        (folder / "prises").mkdir()
        self.folder = folder
        self.state = folder / "etat"
        self.window = Window(100)
        self.book = KeyBook(self.state / KEYS, folder / "prises" / KEYS, Limits())
        self.store = UsageStore(self.state / USAGE, 90)
        self.audit = AuditLog(AuditSettings(self.state))
        self.counters = Counters(time.time)
        self.quotas = QuotaStore(self.state / QUOTAS)
        self.keys: Any = None
        self.usage: Any = None

    def used(self, *labels: str) -> None:
        """Compte une requête finie de chacune de ces étiquettes."""
        ended = [Request(key=label, model="qwen", status="OK", sort=requests_pb2.REQUEST_SORT_CHAT) for label in labels]
        for request in ended:
            request.received_at.GetCurrentTime()
        self.window.put(ended)
        self.store.add("vie", 1, ended)

    async def counted(self, *labels: str) -> None:
        """Compte, et écrit, ce que ces étiquettes ont consommé de leurs quotas."""
        for label in labels:
            for meter in ("requests_per_minute", "tokens_per_month", "audio_minutes_per_day"):
                assert self.counters.take(label, meter, 3, 3, 10, "v1") == 3
        assert await self.quotas.write(self.counters.rows(), {"v1": 1})

    def holding(self, *texts: str) -> list[str]:
        """Fichiers, d'état ou de prises, qui portent un de ces textes."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert {NAME, KEYS} <= {path.name for path in files} and any(path.name.startswith(USAGE) for path in files)
        return [path.name for path in files if any(text.encode() in path.read_bytes() for text in texts)]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Un plan de contrôle de jetons, servi avec son registre."""
    made = Site(folder)
    key_service = KeyService(made.book, lambda name: name, Limits(), lambda: 1.0)
    leases, owners = LeaseService(made.counters, made.quotas, {}), Owners(made.book, ISSUER)
    usage = UsageService(made.store, made.window, owners, lambda name: name, erase_quotas=leases.erase)
    services: list[Callable[[Any], None]] = [
        lambda server: keys_pb2_grpc.add_KeyServiceServicer_to_server(key_service, server),
        lambda server: usage_pb2_grpc.add_UsageServiceServicer_to_server(usage, server),
    ]
    async with served(Auditor(made.audit.append, lambda _message: None), *services) as channel:
        made.keys, made.usage = keys_pb2_grpc.KeyServiceStub(channel), usage_pb2_grpc.UsageServiceStub(channel)
        yield made
    await made.store.aclose()
    await made.quotas.aclose()
    await made.audit.aclose()


async def _erase(made: Site, owner: str, issuer: str = "") -> usage_pb2.Erased:
    request = usage_pb2.EraseOwnerRequest(owner=owner, issuer=issuer)
    answer: usage_pb2.EraseOwnerResponse = await made.usage.EraseOwner(request, metadata=KEY)
    return answer.erased


async def test_nothing_is_left_of_an_owner_anywhere(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        key = await made.keys.CreateKey(keys_pb2.CreateKeyRequest(owner=OWNER, note=NOTE), metadata=KEY)
        other = await made.keys.CreateKey(keys_pb2.CreateKeyRequest(owner="atelier"), metadata=KEY)
        token = owner_label(ISSUER, OWNER)
        made.used(key.key.id, key.key.id, token, other.key.id, "k0")
        await made.store.read(0, _EVER)
        await made.counted(key.key.id, token, other.key.id)
        assert KEYS in made.holding(OWNER) and made.holding(token)
        erased = await _erase(made, OWNER)
        assert (erased.requests, erased.listed, list(erased.keys)) == (3, 3, [key.key.id])
        assert made.holding(OWNER, NOTE, token) == []
        assert sorted(one.key for _, one in made.window.ended()) == sorted([other.key.id, "k0"])
        assert {one.key for one, _ in await made.store.read(0, _EVER)} == {other.key.id, "k0"}
        left = {row.key for row in (await made.quotas.read())[0]}
        assert left == {other.key.id} and not made.counters.used(token, "tokens_per_month")
        assert made.counters.used(other.key.id, "tokens_per_month") == 3
        # Ce qu'un front rend encore de ses baux ne le rappelle pas.
        made.counters.give_back(token, "tokens_per_month", 2, time.time(), "v1")
        assert await made.quotas.write(made.counters.rows(), {}) and made.holding(token) == []
        table = read_table(made.state / KEYS)
        assert table[key.key.id].state(2.0) is KeyState.REVOKED and table[key.key.id].digest == digest_of(key.value)
        assert table[other.key.id].owner == "atelier"
        *_, line = [json.loads(text) for text in (made.state / NAME).read_text().splitlines()]
        assert (line["action"], line["outcome"], line["who"]["caller"]) == ("UsageService.EraseOwner", "OK", "k1")
        assert line["erased"] == {"requests": 3.0, "listed": 3, "keys": [key.key.id]}
        assert line["request"] == {"owner": "…"}
        assert (await _erase(made, OWNER)) == usage_pb2.Erased()


async def test_a_token_of_another_issuer_is_erased_under_its_name(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.keys.CreateKey(keys_pb2.CreateKeyRequest(owner="atelier"), metadata=KEY)
        made.used(owner_label("https://ancien.exemple", OWNER))
        assert (await _erase(made, OWNER)).requests == 0
        assert (await _erase(made, OWNER, "https://ancien.exemple")).requests == 1
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _erase(made, "")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_keys_of_a_mounted_file_are_named_and_left(tmp_path: Path) -> None:
    path, key = tmp_path / KEYS, issued("chat", owner=OWNER)
    save(path, [key])
    store = UsageStore(tmp_path / USAGE, 90)
    owners = Owners(KeyBook(path, None, Limits(), mounted=True))
    service = UsageService(store, Window(1), owners, lambda name: name)
    erased = (await service.EraseOwner(usage_pb2.EraseOwnerRequest(owner=OWNER), None)).erased
    assert (list(erased.keys), list(erased.kept_keys)) == ([], [key.key.id])
    await store.aclose()


async def test_a_server_without_keys_stays_open(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        made.used("k0")
        assert (await _erase(made, OWNER)).requests == 0
        assert not (made.state / KEYS).exists()
