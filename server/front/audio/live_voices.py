"""Un direct avec locuteurs : la transcription et les voix menées côte à côte, et un seul flux d'événements.

L'audio part d'abord vers la transcription ; vers la diarisation, par une file à elle. Si la diarisation se perd, le
flux finit comme si le serveur l'arrêtait : ce qui est entendu est rendu, puis l'erreur, qui dit où reprendre.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

from passerelle.v1 import speakers_pb2, transcribe_pb2
from passerelle.worker.v1 import voices_pb2

from server.errors import EngineFailed, PasserelleError
from server.front.audio.live_speakers import LiveSpeakers
from server.link.call import LinkCall
from server.link.framing import INPUT_WINDOW_BYTES

Response = transcribe_pb2.StreamTranscribeResponse
_Item = Response | voices_pb2.VoicesOutput | PasserelleError | None
_WAITING = 64
"""Événements qui attendent le client ; au-delà, ils attendent dans la liaison, qui les borne."""


class Speaking:
    """Voix d'un flux, et ce qu'elles font de ses événements."""

    def __init__(self, transcript: LinkCall, voices: LinkCall, speakers: LiveSpeakers) -> None:
        self._transcript = transcript
        self._voices = voices
        self._speakers = speakers
        self._audio: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._moved = asyncio.Event()
        self._events: asyncio.Queue[tuple[bool, _Item]] = asyncio.Queue(_WAITING)
        self._settled = False
        self._failure: PasserelleError | None = None
        self._last: list[speakers_pb2.SpeakerRevision] = []

    async def send(self, data: bytes) -> None:
        """Envoie la suite de l'audio ; n'attend les voix que si elles ont une fenêtre de liaison de retard."""
        await self._transcript.send(data)
        while self._size > INPUT_WINDOW_BYTES and self._failure is None:
            self._moved.clear()
            await self._moved.wait()
        if self._failure is None:
            self._audio.append(data)
            self._size += len(data)
            self._moved.set()

    def end_input(self) -> None:
        """Clôt l'audio."""
        self._ended = True
        self._moved.set()
        self._transcript.end_input()

    async def events(self) -> AsyncGenerator[Response, None]:
        """Événements du flux, le bilan en dernier, une fois les voix finies.

        Raises:
            PasserelleError: de la transcription, ou des voix après le bilan.
        """
        summary: Response | None = None
        heard = False
        early: list[Response] = []
        while summary is None or not (self._settled or self._failure is not None):
            of_voices, item = await self._events.get()
            if isinstance(item, PasserelleError):
                if not of_voices or not heard:
                    raise item
                self._lose(item)
            elif isinstance(item, voices_pb2.VoicesOutput):
                self._settled = self._settled or item.last
                revisions = self._speakers.hear(item)
                if not heard:
                    heard = True
                    for response in early:
                        yield self._spoken(response)
                if item.last:
                    # La réconciliation va dans le bilan ; les phrases qui la suivent en tiennent déjà compte.
                    self._last = revisions
                elif revisions:
                    yield Response(speaker_revisions=speakers_pb2.SpeakerRevisions(revisions=revisions))
            elif item is None:
                if of_voices and not self._settled:
                    self._lose(_broken())
                elif summary is None and not of_voices:
                    raise _broken()
            elif isinstance(item, Response):
                if item.HasField("summary"):
                    summary = item
                elif heard:
                    yield self._spoken(item)
                else:
                    # Prêt, le client le saura quand les voix le seront aussi.
                    early.append(item)
        yield self._summed(summary)
        if self._failure is not None:
            raise self._failure

    def _spoken(self, response: Response) -> Response:
        if response.HasField("final"):
            self._speakers.name(response.final)
        elif response.HasField("partial"):
            self._speakers.guess(response.partial)
        return response

    def _summed(self, response: Response) -> Response:
        response.summary.speaker_revisions.extend(self._last)
        response.summary.speakers.extend(self._speakers.summaries())
        return response

    def _lose(self, error: PasserelleError) -> None:
        self._failure = error
        self._moved.set()
        self._transcript.end_input()

    async def pump(self, *, of_voices: bool) -> None:
        """Lit un des deux appels jusqu'à sa fin."""
        try:
            async for items in self._voices if of_voices else self._transcript:
                for item in items:
                    kind = voices_pb2.VoicesOutput if of_voices else Response
                    await self._events.put((of_voices, kind.FromString(item)))
        except PasserelleError as error:
            await self._events.put((of_voices, error))
        else:
            await self._events.put((of_voices, None))

    async def feed(self) -> None:
        """Envoie l'audio aux voix, à leur allure."""
        while True:
            while self._audio:
                data = self._audio.popleft()
                await self._voices.send(data)
                self._size -= len(data)
                self._moved.set()
            if self._ended:
                self._voices.end_input()
                return
            self._moved.clear()
            await self._moved.wait()


@asynccontextmanager
async def speaking(transcript: LinkCall, voices: LinkCall, speakers: LiveSpeakers) -> AsyncIterator[Speaking]:
    """Mène les deux appels, le temps du bloc."""
    found = Speaking(transcript, voices, speakers)
    tasks = [
        asyncio.create_task(work) for work in (found.pump(of_voices=False), found.pump(of_voices=True), found.feed())
    ]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def _broken() -> EngineFailed:
    return EngineFailed("La réponse du moteur s'est interrompue.")
