"""Un programme qui n'a que `passerelle-client` : il appelle tout, et écrit en JSON ce qu'il a eu.

python client_program.py hôte:port fichier.wav
"""

import asyncio
import json
import sys
import wave
from collections.abc import AsyncIterator, Iterator

from passerelle.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE, AudioFormat, AudioProgress
from passerelle.v1.chat_pb2 import ChatRequest, GenerationOptions
from passerelle.v1.transcribe_pb2 import StreamTranscribeConfig, TranscribeConfig
from passerelle_client import AsyncClient, Client, PasserelleError, message
from passerelle_client.errors import ModelNotFound

ASKED = ChatRequest(model="qwen", messages=[message("Say hello.")], options=GenerationOptions(max_tokens=8, seed=7))


def read(path: str) -> tuple[AudioFormat, Iterator[bytes]]:
    """Échantillons d'un WAV, par dixièmes de seconde."""
    with wave.open(path) as file:
        rate = file.getframerate()
        spoken = AudioFormat(encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=rate)
        chunks = [file.readframes(rate // 10) for _ in range(0, file.getnframes(), rate // 10)]
    return spoken, iter(chunks)


def synchronous(address: str, path: str) -> dict[str, object]:
    """Tout, avec `Client`."""
    stages: list[AudioProgress] = []
    with Client(address) as client:
        whole = client.chat(ASKED).choices[0].message.content[0].text
        with client.stream_chat(ASKED) as events:
            said = "".join(delta.content for event in events for delta in event.deltas)
        try:
            client.chat(ChatRequest(model="gpt-4o", messages=[message("?")]))
        except ModelNotFound as error:
            refused: PasserelleError = error
        spoken, chunks = read(path)
        config = StreamTranscribeConfig(config=TranscribeConfig(audio_format=spoken))
        return {
            "agree": whole == said,
            "refused": refused.reason,
            "models": [model.key for model in client.capabilities().models],
            "text": client.transcribe(path, on_progress=stages.append).text,
            "stages": sorted({progress.stage for progress in stages}),
            "live": " ".join(event.final.text for event in client.live(chunks, config) if event.HasField("final")),
        }


async def asynchronous(address: str, path: str) -> dict[str, object]:
    """De même, avec `AsyncClient`."""
    spoken, chunks = read(path)

    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async with AsyncClient(address) as client:
        config = StreamTranscribeConfig(config=TranscribeConfig(audio_format=spoken))
        finals = [event.final.text async for event in client.live(source(), config) if event.HasField("final")]
        found = await client.diarize(path)
        return {"live": " ".join(finals), "speakers": len(found.speakers)}


def main() -> None:
    """Appelle tout."""
    address, path = sys.argv[1:]
    print(json.dumps([synchronous(address, path), asyncio.run(asynchronous(address, path))]))


if __name__ == "__main__":
    main()
