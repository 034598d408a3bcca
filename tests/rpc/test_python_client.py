"""`passerelle-client` devant un vrai front : synchrone et asyncio, mêmes réponses, mêmes exceptions."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from passerelle.v1 import transcribe_pb2
from passerelle_client import AsyncClient, Client, Retry, errors

from server.errors import QueueFull
from tests.rpc.test_front_audio import SPOKEN as FILE
from tests.rpc.test_front_audio import transcribing
from tests.rpc.test_front_live import PCM, SHORT_LIVED, SPOKEN, kinds, live_front
from tests.support.clock import Clock
from tests.support.front_rig import WORDS, Rig, front, typed
from tests.support.waiting import PATIENCE, soon, until

TEXT = "".join(WORDS)
SOON = Retry(first_pause=0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with front(tmp_path, keys=("cle",)) as found:
        yield found


async def test_a_whole_answer_and_its_stream(rig: Rig) -> None:
    def ask() -> tuple[str, str]:
        with Client(rig.settings.address, api_key="cle") as client:
            whole = client.chat(typed())
            with client.stream_chat(typed()) as events:
                said = "".join(delta.content for event in events for delta in event.deltas)
            return whole.choices[0].message.content[0].text, said

    assert await asyncio.to_thread(ask) == (TEXT, TEXT)
    async with AsyncClient(rig.settings.address, api_key="cle") as client:
        assert (await client.chat(typed())).choices[0].message.content[0].text == TEXT
        assert "".join([d.content async for event in client.stream_chat(typed()) for d in event.deltas]) == TEXT


async def test_a_refusal_is_its_exception(rig: Rig) -> None:
    async with AsyncClient(rig.settings.address, api_key="fausse") as client:
        with pytest.raises(errors.InvalidApiKey):
            await client.chat(typed())
    async with AsyncClient(rig.settings.address, api_key="cle") as client:
        with pytest.raises(errors.ModelNotFound) as caught:
            await client.chat(typed(model="gpt-4o"))
        assert caught.value.metadata["model"] == "gpt-4o"
        with pytest.raises(errors.InvalidRequest):
            _ = [event async for event in client.stream_chat(typed(messages=[]))]


async def test_an_error_that_may_be_tried_again_is(rig: Rig) -> None:
    tries: list[int] = []

    async def step(_index: int) -> None:
        if not _index:
            tries.append(1)
            rig.engine.error = QueueFull("Pleine.", retry_after=0.01) if len(tries) == 1 else None

    rig.engine.step = step
    rig.engine.error_after = 1
    async with AsyncClient(rig.settings.address, api_key="cle", retry=SOON) as client:
        assert (await client.chat(typed())).choices[0].message.content[0].text == TEXT
        assert len(tries) == 2
        # Un flux commencé n'est pas recommencé : ce qui est dit est dit.
        tries.clear()
        heard = []
        with pytest.raises(errors.QueueFull):
            async for event in client.stream_chat(typed()):
                heard.append(event)
        assert len(tries) == 1 and heard


async def test_a_deadline_is_the_call_s_own(rig: Rig) -> None:
    released = asyncio.Event()

    async def step(_index: int) -> None:
        await released.wait()

    rig.engine.step = step
    async with AsyncClient(rig.settings.address, api_key="cle") as client:
        with pytest.raises(errors.DeadlineExceeded):
            await client.chat(typed(), timeout=0.2)
    released.set()


async def test_leaving_a_stream_stops_it(rig: Rig) -> None:
    released = asyncio.Event()

    async def step(index: int) -> None:
        if index:
            await released.wait()

    rig.engine.step = step
    async with AsyncClient(rig.settings.address, api_key="cle") as client:
        async with aclosing(client.stream_chat(typed())) as events:
            await anext(events)
        await until(lambda: rig.engine.running == 0, "moteur arrêté")

        def first() -> None:
            with Client(rig.settings.address, api_key="cle") as client:
                next(client.stream_chat(typed()))

        await asyncio.to_thread(first)
        await until(lambda: rig.engine.running == 0, "moteur arrêté")


CONFIG = transcribe_pb2.StreamTranscribeConfig(config=transcribe_pb2.TranscribeConfig(audio_format=PCM))


PIECE = 3201
HALF = (len(SPOKEN) * 3 // 2) // PIECE
"""Morceau du milieu de la seconde phrase."""


def pieces() -> Iterator[bytes]:
    for at in range(0, 2 * len(SPOKEN), PIECE):
        yield (SPOKEN * 2)[at : at + PIECE]


def finals(events: list[transcribe_pb2.StreamTranscribeResponse]) -> list[tuple[str, int, int]]:
    said = [event.final for event in events if event.HasField("final")]
    return [(one.text, one.start_offset.ToMilliseconds(), one.end_offset.ToMilliseconds()) for one in said]


async def test_a_live_stream_that_the_server_cuts_goes_on(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=SHORT_LIVED) as live:
        loop, clock = asyncio.get_running_loop(), Clock()

        def speak(*, cut: bool) -> list[transcribe_pb2.StreamTranscribeResponse]:
            found, resumed = [], threading.Event()

            def source() -> Iterator[bytes]:
                # La source se tait au milieu de la seconde phrase, jusqu'à ce qu'un autre flux ait repris.
                for sent, piece in enumerate(pieces()):
                    if cut and sent == HALF:
                        assert resumed.wait(PATIENCE)
                    yield piece

            with Client(live.rig.settings.address, retry=SOON) as client:
                for event in client.live(source(), CONFIG):
                    found.append(event)
                    if cut and kinds(found).count("speech_start") == 2 and event.HasField("speech_start"):
                        loop.call_soon_threadsafe(clock.advance)
                    if kinds(found).count("ready") == 2:
                        resumed.set()
            return found

        expected = await asyncio.to_thread(speak, cut=False)
        assert len(finals(expected)) == 2 and kinds(expected).count("ready") == 1
        found = await asyncio.to_thread(speak, cut=True)
        assert kinds(found).count("ready") == 2
        # La découpe d'un flux repris part d'une autre trame : les instants suivent à quelques dizaines de millisecondes.
        for one, other in zip(finals(found), finals(expected), strict=True):
            assert one[0] == other[0] and max(abs(one[1] - other[1]), abs(one[2] - other[2])) < 100
        assert kinds(found).count("summary") == 1 and kinds(found)[-1] == "summary"


async def test_an_asynchronous_source_and_its_end(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:

        async def source() -> AsyncIterator[bytes]:
            for piece in pieces():
                yield piece

        async def silent() -> AsyncIterator[bytes]:
            for piece in pieces():
                yield piece
            await asyncio.Event().wait()

        async def broken() -> AsyncIterator[bytes]:
            for piece in pieces():
                yield piece
            raise OSError("micro débranché")

        async with AsyncClient(live.rig.settings.address) as client:
            expected = [event async for event in client.live(source(), CONFIG)]
            assert len(finals(expected)) >= 2
            heard = []
            with pytest.raises(OSError, match="débranché"):
                async for event in client.live(broken(), CONFIG):
                    heard.append(event)
            assert finals(heard) == finals(expected)
            async with aclosing(client.live(silent(), CONFIG)) as events:
                assert (await soon(anext(events))).HasField("ready")
            await until(lambda: live.running == 0, "place rendue")


async def test_a_file_its_progress_and_its_refusal(tmp_path: Path) -> None:
    file = tmp_path / "parole.wav"
    file.write_bytes(FILE)
    async with transcribing(tmp_path) as rig:
        stages: list[str] = []

        def from_path(**fields: Any) -> str:
            with Client(rig.settings.address) as client:
                config = transcribe_pb2.TranscribeConfig(**fields)
                return client.transcribe(file, config, on_progress=lambda one: stages.append(one.stage)).text

        text = await asyncio.to_thread(from_path)
        assert text and "recognition" in stages
        async with AsyncClient(rig.settings.address) as client:
            assert (await client.transcribe(FILE)).text == text
            # Refusé pendant que l'audio part encore : le motif arrive quand même.
            refused = transcribe_pb2.TranscribeConfig(model="absent")
            with pytest.raises(errors.ModelNotFound):
                await client.transcribe(bytes(32 << 20), refused)
            with pytest.raises(errors.InvalidAudio):
                await client.transcribe(b"texte" * 1000)
            with pytest.raises(FileNotFoundError):
                await client.transcribe(tmp_path / "absent.wav")
        with pytest.raises(errors.ModelNotFound):
            await asyncio.to_thread(from_path, model="absent")
