"""Du genre d'une requête à ce qui la mène, selon ce que le moteur de l'exemplaire sait faire."""

from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base import ChatEngine, ChatKind, Engine, TokenizingEngine
from server.engines.base_audio import DiarizeEngine, TranscribeEngine
from server.link.inputs import RequestInput
from server.worker.measures import measures
from server.worker.tokenization import Tokenization

Handler = Callable[[link_pb2.Submit, RequestInput | None], AsyncGenerator[bytes, None]]
"""Mène une requête, avec son flux d'entrée si elle en a un ; abandonner l'itérateur arrête le moteur à son prochain
pas."""
Handlers = Mapping["link_pb2.RequestKind", Handler]

CHATS: Mapping["link_pb2.RequestKind", ChatKind] = {
    link_pb2.REQUEST_KIND_CHAT: ChatKind.CHAT,
    link_pb2.REQUEST_KIND_COMPLETION: ChatKind.COMPLETION,
}
"""Genres de requêtes que mène un moteur de conversation."""
STREAMS = frozenset({link_pb2.REQUEST_KIND_LIVE, link_pb2.REQUEST_KIND_VOICES})
"""Genres de requêtes qui lisent un flux, aussi longtemps qu'il dure."""


def handlers_for(
    engine: Engine, spool_dir: Path | None = None, limits: Limits | None = None, threads: int = 2
) -> Handlers:
    """Genres de requêtes que ce moteur sait mener.

    `spool_dir`, `limits` et `threads` ne servent qu'à l'audio ; sans réserve, aucune requête d'audio n'est menée.

    Args:
        threads: ondes ramenées à 16 kHz et écoutées de front ; à deux, un GPU attendrait la détection de parole.
    """
    if hasattr(engine, "generate"):
        chat = cast("ChatEngine", engine)
        most = (limits or Limits()).max_listed_tokens
        counting = Tokenization(engine, most).handlers if isinstance(engine, TokenizingEngine) else {}
        return {
            link_pb2.REQUEST_KIND_CHAT: lambda r, _: chat.generate(ChatKind.CHAT, r.payload, stream=r.stream),
            link_pb2.REQUEST_KIND_COMPLETION: lambda r, _: chat.generate(
                ChatKind.COMPLETION, r.payload, stream=r.stream
            ),
            **counting,
        }
    if spool_dir is None:
        return {}
    # Ces modules chargent les bibliothèques d'ondes : un exemplaire de conversation n'en veut pas.
    from server.speech.vad import VadModel
    from server.worker.spooled import SpeechTools

    pool = ThreadPoolExecutor(max(2, threads), thread_name_prefix="speech")
    tools = SpeechTools(spool_dir, limits or Limits(), VadModel(), pool)
    tools.decoder.start()
    if hasattr(engine, "transcribe"):
        from server.worker.batcher import WindowBatcher
        from server.worker.channels import ChannelTranscription
        from server.worker.live import LiveTranscription
        from server.worker.transcription import FileTranscription

        transcriber = cast("TranscribeEngine", engine)
        # Un seul pour les fichiers et le direct : le moteur ne mène qu'un lot à la fois.
        batcher = WindowBatcher(transcriber)
        measures.watch("windows_waiting", batcher.waiting)
        return {
            link_pb2.REQUEST_KIND_TRANSCRIBE: ChannelTranscription(
                FileTranscription(transcriber, tools, batcher).run, tools
            ).run,
            link_pb2.REQUEST_KIND_LIVE: LiveTranscription(transcriber, tools, batcher).run,
        }
    if hasattr(engine, "diarize"):
        from server.worker.diarization import FileDiarization
        from server.worker.voices import LiveVoices

        diarizer = cast("DiarizeEngine", engine)
        return {
            link_pb2.REQUEST_KIND_DIARIZE: FileDiarization(diarizer, tools).run,
            link_pb2.REQUEST_KIND_VOICES: LiveVoices(diarizer, tools).run,
        }
    return {}
