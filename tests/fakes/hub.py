"""Un hub local : les routes du hub dont le vrai client se sert, avec de quoi le gêner et compter ce qu'il envoie."""

import asyncio
import hashlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

LFS_BYTES = 1024
"""Taille à partir de laquelle un fichier est rangé en LFS."""

_BLOCK = 64 * 1024


def commit_of(name: str) -> str:
    """Un commit vraisemblable."""
    return hashlib.sha1(name.encode()).hexdigest()


def git_sha1(data: bytes) -> str:
    """Empreinte de l'objet git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repository:
    """Dépôt : ses commits, et qui peut le lire."""

    commits: dict[str, dict[str, bytes]]
    """Fichiers de chaque commit."""
    refs: dict[str, str]
    """Commit de chaque branche."""
    gated: bool = False
    """Lisible par les seuls jetons de `Hub.members`."""
    private: bool = False
    """Invisible sans jeton."""


@dataclass
class Trouble:
    """Ce qui gêne l'envoi d'un fichier."""

    bytes_per_second: float = 0.0
    """Débit ; 0 : sans limite."""
    cut_after: list[int] = field(default_factory=list)
    """Octets envoyés avant de couper, pour chaque requête à venir."""
    statuses: list[int] = field(default_factory=list)
    """Codes d'échec à rendre, une fois les coupures faites."""
    wrong: bytes | None = None
    """Contenu envoyé à la place du vrai."""
    ignore_range: bool = False
    """Rend tout le fichier quoi qu'on demande."""


@dataclass
class Transfer:
    """Un envoi : où il a commencé, combien d'octets sont partis."""

    start: int
    sent: int = 0


class Hub:
    """Dépôts servis, ennuis à causer, et ce qui a été demandé."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.tokens: set[str] = set()
        self.members: set[str] = set()
        self.trouble: dict[str, Trouble] = {}
        self.api_statuses: list[int] = []
        self.down = False
        self.portal = False
        self.transfers: dict[str, list[Transfer]] = {}
        self.requests: list[str] = []
        self.agents: set[str] = set()
        self.cdn_tokens: list[str] = []
        self.url = ""
        self.cdn_url = ""

    def add(self, name: str, files: Mapping[str, bytes], *, gated: bool = False, private: bool = False) -> str:
        """Publie un commit sur `main` ; rend son empreinte."""
        repository = self.repositories.setdefault(name, Repository({}, {}, gated, private))
        commit = commit_of(f"{name} {len(repository.commits)}")
        repository.commits[commit] = dict(files)
        repository.refs["main"] = commit
        return commit

    def upset(self, path: str) -> Trouble:
        """Ennuis d'un fichier, à remplir."""
        return self.trouble.setdefault(path, Trouble())

    @property
    def sent(self) -> int:
        """Octets de fichiers envoyés."""
        return sum(one.sent for path in self.transfers for one in self.transfers[path])

    def app(self) -> Starlette:
        """Application qui sert ces dépôts."""
        repo = "{owner}/{name}"
        return Starlette(
            routes=[
                Route(f"/api/models/{repo}/revision/{{revision:path}}", self._info),
                Route(f"/api/models/{repo}/tree/{{revision}}", self._tree),
                Route(f"/{repo}/resolve/{{revision}}/{{path:path}}", self._resolve),
                Route("/cdn/{owner}/{name}/{commit}/{path:path}", self._cdn),
            ]
        )

    def _open(self, request: Request) -> tuple[Repository, str, dict[str, bytes]] | Response:
        """Dépôt, commit et fichiers ; sinon le refus."""
        self.requests.append(request.url.path)
        self.agents.add(request.headers.get("user-agent", ""))
        if self.portal:
            return Response("<html>Bienvenue</html>", media_type="text/html")
        if self.down:
            return _refusal(503, "", "en panne")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return _refusal(401, "", "Invalid credentials in Authorization header")
        parameters = request.path_params
        found = self.repositories.get(f"{parameters['owner']}/{parameters['name']}")
        if found is None or (found.private and token not in self.members):
            return _refusal(404 if token else 401, "RepoNotFound", "Repository not found")
        commit = found.refs.get(parameters["revision"], parameters["revision"])
        if commit not in found.commits:
            return _refusal(404, "RevisionNotFound", "Invalid rev id")
        return found, commit, found.commits[commit]

    async def _info(self, request: Request) -> Response:
        opened = self._open(request)
        if isinstance(opened, Response):
            return opened
        if self.api_statuses:
            return _refusal(self.api_statuses.pop(0), "", "essai")
        found, commit, files = opened
        name = "{owner}/{name}".format(**request.path_params)
        siblings = [_sibling(_entry(path, data)) for path, data in files.items()]
        return JSONResponse({"id": name, "sha": commit, "private": found.private, "siblings": siblings})

    async def _tree(self, request: Request) -> Response:
        opened = self._open(request)
        if isinstance(opened, Response):
            return opened
        _, _, files = opened
        entries = [_entry(path, data) for path, data in files.items()]
        # Deux pages, comme le hub en fait d'un grand dépôt.
        half, cursor = (len(entries) + 1) // 2, request.query_params.get("cursor")
        if cursor:
            return JSONResponse(entries[half:])
        following = f'<{request.url.include_query_params(cursor="2")}>; rel="next"'
        return JSONResponse(entries[:half], headers={"link": following})

    async def _resolve(self, request: Request) -> Response:
        opened = self._open(request)
        if isinstance(opened, Response):
            return opened
        found, commit, files = opened
        path = request.path_params["path"]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if found.gated and token not in self.members:
            return _refusal(403 if token else 401, "GatedRepo", "Access to model is restricted")
        if path not in files:
            return _refusal(404, "EntryNotFound", "Entry not found")
        trouble = self.trouble.get(path, Trouble())
        if trouble.statuses and not trouble.cut_after:
            return _refusal(trouble.statuses.pop(0), "", "essai")
        headers = {"x-repo-commit": commit, "etag": f'"{_digest(files[path])}"'}
        if len(files[path]) >= LFS_BYTES:
            # Une adresse d'une autre origine, comme celle du CDN : le jeton ne doit pas y aller.
            linked = {"x-linked-size": str(len(files[path])), "x-linked-etag": headers["etag"]}
            place = "{owner}/{name}".format(**request.path_params)
            return RedirectResponse(f"{self.cdn_url}/cdn/{place}/{commit}/{path}", headers={**headers, **linked})
        return self._send(request, path, files[path], headers)

    async def _cdn(self, request: Request) -> Response:
        parameters = request.path_params
        self.cdn_tokens.append(request.headers.get("authorization", ""))
        files = self.repositories[f"{parameters['owner']}/{parameters['name']}"].commits[parameters["commit"]]
        return self._send(request, parameters["path"], files[parameters["path"]], {})

    def _send(self, request: Request, path: str, data: bytes, headers: Mapping[str, str]) -> Response:
        trouble = self.trouble.get(path, Trouble())
        content = data if trouble.wrong is None else trouble.wrong
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(asked[1]) if asked and not trouble.ignore_range else 0
        sent = dict(headers) | {"content-length": str(len(content) - start)}
        if start:
            sent["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if request.method == "HEAD":
            return Response(headers=sent)
        transfer = Transfer(start)
        self.transfers.setdefault(path, []).append(transfer)
        cut = trouble.cut_after.pop(0) if trouble.cut_after else None
        body = _body(content[start : None if cut is None else start + cut], trouble, transfer)
        return _Streamed(206 if start else 200, sent, body)


class _Streamed(Response):
    """Corps envoyé au fil de l'eau ; s'il est plus court qu'annoncé, la connexion est coupée."""

    def __init__(self, status: int, headers: Mapping[str, str], blocks: AsyncIterator[bytes]) -> None:
        super().__init__(status_code=status)
        self.raw_headers = [(k.encode(), v.encode()) for k, v in headers.items()]
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for block in self._blocks:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(data: bytes, trouble: Trouble, transfer: Transfer) -> AsyncIterator[bytes]:
    for first in range(0, len(data), _BLOCK):
        block = data[first : first + _BLOCK]
        transfer.sent += len(block)
        yield block
        if trouble.bytes_per_second:
            await asyncio.sleep(len(block) / trouble.bytes_per_second)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if len(data) >= LFS_BYTES else git_sha1(data)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_sha1(data)}
    if len(data) >= LFS_BYTES:
        lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        entry |= {"oid": git_sha1(b"pointeur de " + path.encode()), "lfs": lfs}
    return entry


def _sibling(entry: dict[str, Any]) -> dict[str, Any]:
    """Le même fichier, tel que la page d'un modèle le décrit."""
    found = {"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]}
    lfs = entry.get("lfs")
    return found | ({"lfs": {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 134}} if lfs else {})


def _refusal(status: int, code: str, message: str) -> Response:
    headers = {"x-error-message": message} | ({"x-error-code": code} if code else {})
    return JSONResponse({"error": message}, status_code=status, headers=headers)


@contextmanager
def serving_hub(hub: Hub) -> Iterator[Hub]:
    """Sert sur un port libre de la boucle locale, dans un fil à part."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        hub.url, hub.cdn_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        config = uvicorn.Config(hub.app(), log_level="critical", ws="none", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), name="hub")
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                thread.join(0.01)
            yield hub
        finally:
            server.should_exit = True
            thread.join()
