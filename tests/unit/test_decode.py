"""Le décodage borné : le vrai enfant, sur tous les formats acceptés et tous ceux à refuser."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from server.domain import Limits
from server.engines.base_audio import Wave
from server.errors import PasserelleError
from server.speech.decode import AudioRequest, Decoder, RawFormat
from tests.support import audio_files
from tests.support.decoded import hear, likeness

SPEECH = audio_files.speech()
GOOD = audio_files.good_files(SPEECH)
BAD = audio_files.bad_files()


async def decode(path: Path, limits: Limits | None = None, raw: RawFormat | None = None) -> tuple[Wave, float]:
    """Onde à 16 kHz et durée d'un fichier."""
    heard = await hear(path, path.read_bytes(), AudioRequest(raw), limits)
    return heard.wave, heard.seconds


@pytest.mark.parametrize("name", GOOD)
async def test_every_accepted_form_gives_the_same_sound(tmp_path: Path, name: str) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(GOOD[name])
    wave, seconds = await decode(path)
    lossy = name in ("mp3", "ogg-opus", "webm-opus", "m4a-aac")
    assert seconds == pytest.approx(len(SPEECH) / 16000, abs=0.15 if lossy else 0.005)
    assert abs(len(wave) - seconds * 16000) <= 320
    assert likeness(wave, SPEECH) > (0.9 if lossy or name == "8000-hz" else 0.99)


@pytest.mark.parametrize(("encoding", "dtype"), [("s16le", "<i2"), ("s32le", "<i4"), ("f32le", "<f4")])
async def test_raw_samples_are_read_as_stated(tmp_path: Path, encoding: str, dtype: str) -> None:
    path = tmp_path / "envoi"
    scale = 1.0 if dtype == "<f4" else float(np.iinfo(dtype).max)
    path.write_bytes((np.repeat(SPEECH, 2).astype(np.float64) * scale).astype(dtype).tobytes())
    wave, seconds = await decode(path, raw=RawFormat(encoding, 16000, 2))
    assert seconds == pytest.approx(len(SPEECH) / 16000)
    assert np.abs(wave - SPEECH).max() < 1e-3


@pytest.mark.parametrize("name", BAD)
async def test_bad_files_are_refused_by_a_clear_error(tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    path = tmp_path / "envoi"
    path.write_bytes(data)
    with pytest.raises(PasserelleError) as raised:
        await decode(path)
    assert raised.value.reason == reason
    assert raised.value.metadata["field"]
    if reason == "AUDIO_LIMIT_EXCEEDED":
        assert raised.value.metadata["limit"] and raised.value.metadata["value"]


@pytest.mark.parametrize("name", ["flac", "opus", "mp3", "m4a"])
async def test_a_file_that_swells_is_stopped_while_it_is_decoded(tmp_path: Path, name: str) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(audio_files.bombs(90)[name])
    with pytest.raises(PasserelleError) as too_long:
        await decode(path, replace(Limits(), max_audio_seconds=60.0))
    with pytest.raises(PasserelleError) as too_big:
        await decode(path, replace(Limits(), max_decoded_bytes=1_000_000))
    for error in (too_long.value, too_big.value):
        assert error.reason == "AUDIO_LIMIT_EXCEEDED"
        assert {"field", "limit", "value"} <= set(error.metadata)


async def test_a_playlist_named_like_audio_reaches_nobody(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret.wav"
        for text in (f"#EXTM3U\n#EXTINF:1,\n{url}\n", f"ffconcat version 1.0\nfile {url}\n"):
            path = tmp_path / "envoi.wav"
            path.write_text(text)
            with pytest.raises(PasserelleError):
                await decode(path)
        with pytest.raises(BlockingIOError):
            listener.accept()


def ancestors() -> list[psutil.Process]:
    """Ancêtres du décodage de ce processus."""
    return [c for c in psutil.Process().children() if any("decode_child" in argument for argument in c.cmdline())]


class Family:
    """Un décodeur neuf, et ses processus."""

    def __init__(self) -> None:
        self._before = ancestors()
        self.decoder = Decoder()

    @property
    def ancestor(self) -> psutil.Process:
        """L'ancêtre, seul de sa sorte."""
        (found,) = [process for process in ancestors() if process not in self._before]
        return found

    @property
    def copies(self) -> list[psutil.Process]:
        """Ses copies vivantes."""
        return self.ancestor.children()


@pytest.fixture
def family() -> Iterator[Family]:
    found = Family()
    yield found
    found.decoder.close()


LONG = audio_files.wav(np.tile(SPEECH, 40))


async def test_leaving_early_kills_the_copy_and_it_alone(tmp_path: Path, family: Family) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(LONG)
    before = len(asyncio.all_tasks())
    async with family.decoder.decoding(path, Limits()) as kept:
        blocks = kept.blocks()
        await anext(blocks)
        async with family.decoder.decoding(path, Limits()) as left:
            async for _block in left.blocks():
                break
            assert len(family.copies) == 2
        assert len(family.copies) == 1
        async for _block in blocks:
            pass
        assert kept.seconds == pytest.approx(40 * len(SPEECH) / 16000)
    assert len(asyncio.all_tasks()) == before
    assert family.ancestor.is_running() and not family.copies


async def test_a_copy_holds_its_two_descriptors_and_its_own_limits(tmp_path: Path, family: Family) -> None:
    path, other = tmp_path / "envoi", tmp_path / "autre"
    for one in (path, other):
        one.write_bytes(LONG)
    async with family.decoder.decoding(other, Limits()) as first, family.decoder.decoding(path, Limits()) as second:
        for decoded in (first, second):
            await anext(decoded.blocks())
        copies = family.copies
        assert len(copies) == 2
        read = set()
        for copy in copies:
            folder = Path(f"/proc/{copy.pid}/fd")
            assert sorted(entry.name for entry in folder.iterdir()) == ["0", "1", "2"]
            read.add((folder / "0").readlink())
            assert copy.rlimit(psutil.RLIMIT_NOFILE) == (3, 3)
            assert copy.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
            assert copy.rlimit(psutil.RLIMIT_AS)[1] == 2 * 1024**3
            assert copy.rlimit(psutil.RLIMIT_CPU)[0] == Limits().max_decode_seconds
        assert read == {path, other}
    assert family.ancestor.rlimit(psutil.RLIMIT_NOFILE)[0] > 3


async def test_a_dead_ancestor_is_replaced_and_its_copies_end_their_work(tmp_path: Path, family: Family) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(LONG)
    async with family.decoder.decoding(path, Limits()) as decoded:
        blocks = decoded.blocks()
        await anext(blocks)
        dead = family.ancestor
        dead.kill()
        async for _block in blocks:
            pass
    assert decoded.seconds == pytest.approx(40 * len(SPEECH) / 16000)
    found = await asyncio.gather(*(hear(tmp_path / str(rank), LONG, decoder=family.decoder) for rank in range(3)))
    assert [heard.seconds for heard in found] == pytest.approx([decoded.seconds] * 3)
    assert family.ancestor.pid != dead.pid and not family.copies


async def test_a_file_given_up_before_its_copy_is_born_leaves_nothing(tmp_path: Path, family: Family) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(LONG)

    async def one() -> None:
        async with family.decoder.decoding(path, Limits()) as decoded:
            async for _block in decoded.blocks():
                pass

    # L'ancêtre importe encore : aucune de ces copies n'est née.
    tasks = [asyncio.create_task(one()) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    for task in tasks[:3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [True, True, True, False]
    assert tasks[3].exception() is None
    assert not family.copies


async def test_a_file_that_kills_its_copy_leaves_the_others(tmp_path: Path, family: Family) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(LONG)
    async with family.decoder.decoding(path, Limits()) as decoded:
        blocks = decoded.blocks()
        await anext(blocks)
        ancestor, (copy,) = family.ancestor, family.copies
        copy.kill()
        with pytest.raises(PasserelleError) as raised:
            async for _block in blocks:
                pass
    assert raised.value.reason == "INVALID_AUDIO"
    assert (await hear(path, audio_files.wav(SPEECH), decoder=family.decoder)).seconds > 7
    assert family.ancestor == ancestor
