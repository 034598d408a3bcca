"""Le client asyncio.

La conversation y passe par `grpc.aio`. Un envoi d'audio passe par le client synchrone, dans un fil à lui : quand le
serveur clôt le flux pendant une écriture, `grpc.aio` en perd l'erreur, donc son motif et le point de reprise.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

import grpc
import grpc.aio
from passerelle.v1 import chat_pb2, diarize_pb2, limits_pb2, transcribe_pb2

from passerelle_client import calls
from passerelle_client.calls import Attempts, Audio, Method, Q, R, Retry, Tls, deadline, failure
from passerelle_client.client import Client, OnProgress, U
from passerelle_client.errors import PasserelleError
from passerelle_client.stream import Stream

E = TypeVar("E")


class AsyncClient:
    """Comme `Client`, avec asyncio ; à créer et à fermer dans la même boucle.

    Annuler la tâche qui attend un appel, ou fermer le générateur d'un flux, l'annule sur le serveur.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:8000",
        *,
        api_key: str | None = None,
        tls: Tls | None = None,
        timeout: float = 300.0,
        retry: Retry | None = None,
    ) -> None:
        """`address` : `hôte:port`, `https://hôte:port` ou `unix:chemin` ; `api_key` : sinon `PASSERELLE_API_KEY`."""
        self._sync = Client(address, api_key=api_key, tls=tls, timeout=timeout, retry=retry)
        where, tls, options = calls.target(address, tls)
        self.channel = (
            grpc.aio.secure_channel(where, tls.credentials(), options)
            if tls
            else grpc.aio.insecure_channel(where, options)
        )
        """Pour les souches des autres services, avec `metadata`."""
        self.metadata = self._sync.metadata

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ferme les connexions."""
        await self.channel.close()
        self._sync.close()

    async def capabilities(self, *, timeout: float | None = None) -> limits_pb2.GetCapabilitiesResponse:
        """Modèles, options et limites du serveur."""
        [answer] = [one async for one in self._run(calls.CAPABILITIES, limits_pb2.GetCapabilitiesRequest(), timeout)]
        return answer

    async def chat(self, request: chat_pb2.ChatRequest, *, timeout: float | None = None) -> chat_pb2.ChatResponse:
        """Réponse entière."""
        [answer] = [one async for one in self._run(calls.CHAT, request, timeout)]
        return answer

    def stream_chat(
        self, request: chat_pb2.ChatRequest, *, timeout: float | None = None
    ) -> AsyncGenerator[chat_pb2.StreamChatResponse, None]:
        """Réponse au fil de l'eau ; rien n'est repris après le premier message."""
        return self._run(calls.STREAM_CHAT, chat_pb2.StreamChatRequest(request=request), timeout)

    async def transcribe(
        self,
        audio: Audio,
        config: transcribe_pb2.TranscribeConfig | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> transcribe_pb2.TranscribeResponse:
        """Transcription d'un fichier, envoyé par morceaux ; un essai repris recommence l'avancement."""
        events = _threaded(lambda: self._sync.stream_transcribe(audio, config, timeout=timeout, again=True))
        return (await _result_of(events, on_progress)).result

    def stream_transcribe(
        self, audio: Audio, config: transcribe_pb2.TranscribeConfig | None = None, *, timeout: float | None = None
    ) -> AsyncGenerator[transcribe_pb2.UploadTranscribeResponse, None]:
        """Avancement, segments puis résultat."""
        return _threaded(lambda: self._sync.stream_transcribe(audio, config, timeout=timeout))

    async def diarize(
        self,
        audio: Audio,
        config: diarize_pb2.DiarizeConfig | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> diarize_pb2.DiarizeResponse:
        """Locuteurs d'un fichier, envoyé par morceaux."""
        events = _threaded(lambda: self._sync.stream_diarize(audio, config, timeout=timeout, again=True))
        return (await _result_of(events, on_progress)).result

    def live(
        self,
        audio: AsyncIterable[bytes],
        config: transcribe_pb2.StreamTranscribeConfig,
        *,
        timeout: float | None = None,
    ) -> AsyncGenerator[transcribe_pb2.StreamTranscribeResponse, None]:
        """Comme `Client.live`, d'une source asynchrone, lue dans la boucle de l'appelant."""
        return _live(self._sync, audio, config, timeout)

    async def _run(self, method: Method[Q, R], request: Q, timeout: float | None) -> AsyncGenerator[R, None]:
        attempts = Attempts(self._sync.retry, deadline(self._sync.timeout if timeout is None else timeout))
        stub = self.channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        while True:
            call = stub(request, timeout=attempts.timeout, metadata=self.metadata)
            begun = False
            try:
                async for event in call:
                    begun = True
                    yield event
                return
            except grpc.aio.AioRpcError as error:
                found = failure(error)
                if begun:
                    raise found from error
                pause = attempts.pause(found)
            finally:
                call.cancel()
            await asyncio.sleep(pause)


async def _result_of(events: AsyncIterator[U], on_progress: OnProgress | None) -> U:
    found: U | None = None
    async for event in events:
        if event.HasField("progress") and on_progress is not None:
            on_progress(event.progress)
        if event.HasField("result"):
            found = event
    if found is None:
        raise PasserelleError("le serveur a clos le flux sans résultat.")
    return found


async def _threaded(start: Callable[[], Stream[E]]) -> AsyncGenerator[E, None]:
    """Événements d'un flux synchrone, parcouru dans un fil à lui."""
    stream, pool = start(), ThreadPoolExecutor(1)
    try:
        while (event := await asyncio.get_running_loop().run_in_executor(pool, next, stream, None)) is not None:
            yield event
    finally:
        # Le fil qui attend l'événement suivant en est réveillé.
        stream.cancel()
        pool.shutdown(wait=False)


async def _live(
    client: Client, audio: AsyncIterable[bytes], config: transcribe_pb2.StreamTranscribeConfig, timeout: float | None
) -> AsyncGenerator[transcribe_pb2.StreamTranscribeResponse, None]:
    loop, source = asyncio.get_running_loop(), aiter(audio)
    asked: list[Future[bytes | None]] = []

    async def following() -> bytes | None:
        return await anext(source, None)

    def chunks() -> Iterator[bytes]:
        while True:
            asked[:] = [asyncio.run_coroutine_threadsafe(following(), loop)]
            try:
                chunk = asked[0].result()
            except CancelledError:
                return
            if chunk is None:
                return
            yield chunk

    try:
        async with aclosing(_threaded(lambda: client.live(chunks(), config, timeout=timeout))) as events:
            async for event in events:
                yield event
    finally:
        for future in asked:
            future.cancel()
