"""Ce que deux exemplaires disent à mesure d'un même fichier : le texte de l'un reçoit les locuteurs de l'autre.

Un segment reconnu part aussitôt, sans locuteur ; coupé par locuteur, il repart dès que les tours sont connus, même si
la reconnaissance continue.
"""

from collections.abc import Iterator
from typing import TypeVar

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.errors import EngineFailed
from server.front.audio.speakers import Speakers, attribute

TranscribeEvent = transcribe_pb2.UploadTranscribeResponse
DiarizeEvent = diarize_pb2.UploadDiarizeResponse
Result = TypeVar("Result", transcribe_pb2.TranscribeResponse, diarize_pb2.DiarizeResponse)


class Meeting:
    """Réunit les événements d'une transcription et d'une diarisation, dans l'ordre où ils viennent."""

    def __init__(self) -> None:
        self._transcript: transcribe_pb2.TranscribeResponse | None = None
        self._diarization: diarize_pb2.DiarizeResponse | None = None
        self._speakers: Speakers | None = None
        self._waiting: list[audio_pb2.Segment] = []

    def take(self, event: TranscribeEvent | DiarizeEvent) -> Iterator[TranscribeEvent]:
        """Ce que le client en reçoit."""
        if event.HasField("progress"):
            yield TranscribeEvent(progress=event.progress)
        elif isinstance(event, DiarizeEvent):
            self._diarization = event.result
            self._speakers = Speakers(event.result)
            yield from self._settled()
        elif event.HasField("segment"):
            yield TranscribeEvent(draft=event.segment)
            self._waiting.append(event.segment)
            yield from self._settled()
        else:
            self._transcript = event.result

    def result(self) -> transcribe_pb2.TranscribeResponse:
        """Transcription entière, avec ses locuteurs ; ses segments sont ceux qui sont partis.

        Raises:
            EngineFailed: l'un des deux n'a pas rendu le sien.
        """
        return attribute(given(self._transcript), given(self._diarization))

    def _settled(self) -> Iterator[TranscribeEvent]:
        if self._speakers is None:
            return
        for segment in self._waiting:
            for part in self._speakers.parts(segment):
                yield TranscribeEvent(segment=part)
        self._waiting.clear()


def given(result: Result | None) -> Result:
    """Résultat rendu.

    Raises:
        EngineFailed: il n'y en a pas.
    """
    if result is None:
        raise EngineFailed("La réponse du moteur s'est interrompue.")
    return result
