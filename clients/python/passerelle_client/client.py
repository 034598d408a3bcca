"""Le client synchrone."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import grpc
from passerelle.v1 import audio_pb2, chat_pb2, diarize_pb2, limits_pb2, transcribe_pb2

from passerelle_client import calls
from passerelle_client.calls import Attempts, Audio, Method, Q, R, Retry, Tls, deadline, failure
from passerelle_client.errors import PasserelleError
from passerelle_client.live import Course, Tape, resumable
from passerelle_client.stream import Handle, Stream

U = TypeVar("U", transcribe_pb2.UploadTranscribeResponse, diarize_pb2.UploadDiarizeResponse)
OnProgress = Callable[[audio_pb2.AudioProgress], object]


class Client:
    """Un serveur, et de quoi l'appeler ; un par programme, de n'importe quel fil.

    Toute méthode lève une `PasserelleError`, de la classe du motif. `timeout` est l'échéance de l'appel, chargement du
    modèle et reprises compris ; sans lui, celle du client.
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
        where, tls, options = calls.target(address, tls)
        self.channel = (
            grpc.secure_channel(where, tls.credentials(), options) if tls else grpc.insecure_channel(where, options)
        )
        """Pour les souches des autres services, avec `metadata`."""
        self.metadata = calls.metadata_of(os.environ.get("PASSERELLE_API_KEY", "") if api_key is None else api_key)
        self.timeout = timeout
        self.retry = retry or Retry()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ferme la connexion."""
        self.channel.close()

    def capabilities(self, *, timeout: float | None = None) -> limits_pb2.GetCapabilitiesResponse:
        """Modèles, options et limites du serveur."""
        [answer] = self._stream(calls.CAPABILITIES, limits_pb2.GetCapabilitiesRequest(), timeout)
        return answer

    def chat(self, request: chat_pb2.ChatRequest, *, timeout: float | None = None) -> chat_pb2.ChatResponse:
        """Réponse entière."""
        [answer] = self._stream(calls.CHAT, request, timeout)
        return answer

    def stream_chat(
        self, request: chat_pb2.ChatRequest, *, timeout: float | None = None
    ) -> Stream[chat_pb2.StreamChatResponse]:
        """Réponse au fil de l'eau ; rien n'est repris après le premier message."""
        return self._stream(calls.STREAM_CHAT, chat_pb2.StreamChatRequest(request=request), timeout)

    def transcribe(
        self,
        audio: Audio,
        config: transcribe_pb2.TranscribeConfig | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> transcribe_pb2.TranscribeResponse:
        """Transcription d'un fichier, envoyé par morceaux ; un essai repris recommence l'avancement."""
        return result_of(self.stream_transcribe(audio, config, timeout=timeout, again=True), on_progress).result

    def stream_transcribe(
        self,
        audio: Audio,
        config: transcribe_pb2.TranscribeConfig | None = None,
        *,
        timeout: float | None = None,
        again: bool = False,
    ) -> Stream[transcribe_pb2.UploadTranscribeResponse]:
        """Avancement, segments puis résultat ; avec `again`, tout recommence même après un premier événement."""
        return self._stream(calls.TRANSCRIBE, lambda: calls.transcribe_upload(audio, config), timeout, again=again)

    def diarize(
        self,
        audio: Audio,
        config: diarize_pb2.DiarizeConfig | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> diarize_pb2.DiarizeResponse:
        """Locuteurs d'un fichier, envoyé par morceaux ; un essai repris recommence l'avancement."""
        return result_of(self.stream_diarize(audio, config, timeout=timeout, again=True), on_progress).result

    def stream_diarize(
        self,
        audio: Audio,
        config: diarize_pb2.DiarizeConfig | None = None,
        *,
        timeout: float | None = None,
        again: bool = False,
    ) -> Stream[diarize_pb2.UploadDiarizeResponse]:
        """Avancement puis résultat ; `again` comme pour `stream_transcribe`."""
        return self._stream(calls.DIARIZE, lambda: calls.diarize_upload(audio, config), timeout, again=again)

    def live(
        self,
        audio: Iterable[bytes],
        config: transcribe_pb2.StreamTranscribeConfig,
        *,
        timeout: float | None = None,
    ) -> Stream[transcribe_pb2.StreamTranscribeResponse]:
        """Transcription d'échantillons bruts, à mesure qu'ils viennent ; sans `timeout`, sans échéance.

        Un flux que le serveur coupe est repris dans un autre, là où il le dit : ni trou, ni redite. Un événement
        `ready` annonce chaque flux, d'où repartent les rangs des phrases ; le seul bilan rendu est celui du dernier.

        Raises:
            ValueError: `config.config.audio_format` n'est pas celui d'échantillons bruts.
        """
        tape = Tape(audio, config.config.audio_format)
        return Stream(lambda handle: self._live(handle, tape, Course(tape, config), deadline(timeout)))

    def _stream(
        self,
        method: Method[Q, R],
        requests: Q | Callable[[], Iterator[Q]],
        timeout: float | None,
        *,
        again: bool = False,
    ) -> Stream[R]:
        end = deadline(self.timeout if timeout is None else timeout)
        return Stream(lambda handle: self._run(handle, method, requests, end, again=again))

    def _run(
        self,
        handle: Handle,
        method: Method[Q, R],
        requests: Q | Callable[[], Iterator[Q]],
        end: float,
        *,
        again: bool,
    ) -> Iterator[R]:
        attempts = Attempts(self.retry, end)
        while True:
            begun = False
            try:
                for event in self._call(handle, method, requests, attempts.timeout):
                    begun = True
                    yield event
                return
            except PasserelleError as error:
                if begun and not again:
                    raise
                pause = attempts.pause(error)
            handle.rest(pause)

    def _live(
        self, handle: Handle, tape: Tape, course: Course, end: float
    ) -> Iterator[transcribe_pb2.StreamTranscribeResponse]:
        attempts = Attempts(self.retry, end)
        while True:
            config = course.config()
            try:
                for event in self._call(handle, calls.LIVE, lambda: tape.requests(config), attempts.timeout):  # noqa: B023
                    yield from course.take(event)
                yield from course.rest()
                if tape.failed is not None:
                    raise tape.failed
                return
            except PasserelleError as error:
                if tape.failed is not None:
                    raise tape.failed from error
                if course.advanced:
                    attempts = Attempts(self.retry, end)
                try:
                    pause = attempts.pause(error, again=resumable(error))
                except PasserelleError:
                    yield from course.rest()
                    raise
                course.resume(error)
            handle.rest(pause)

    def _call(
        self, handle: Handle, method: Method[Q, R], requests: Q | Callable[[], Iterator[Q]], timeout: float | None
    ) -> Iterator[R]:
        """Un essai."""
        forms = (method.path, method.request.SerializeToString, method.response.FromString)
        if callable(requests):
            call = self.channel.stream_stream(*forms)(requests(), timeout=timeout, metadata=self.metadata)
        else:
            # Une réponse d'un message est, sur le fil, un flux d'un message.
            call = self.channel.unary_stream(*forms)(requests, timeout=timeout, metadata=self.metadata)
        handle.hold(call)
        try:
            yield from call
        except grpc.RpcError as error:
            if not handle.stopped:
                raise failure(error) from error
        finally:
            call.cancel()


def result_of(events: Stream[U], on_progress: OnProgress | None) -> U:
    """Le dernier événement d'un envoi, l'avancement dit en chemin."""
    for event in events:
        if event.HasField("progress") and on_progress is not None:
            on_progress(event.progress)
        if event.HasField("result"):
            return event
    raise PasserelleError("le serveur a clos le flux sans résultat.")
