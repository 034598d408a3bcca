"""Une onde très faible est relevée avant sa diarisation : pyannote y confondrait les voix."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import Diarization, DiarizationOptions, Wave
from server.speech.vad import VadModel
from server.worker.diarization import FileDiarization
from server.worker.spooled import SpeechTools
from tests.fakes.engines import FakeDiarizeEngine
from tests.support import audio_files


class Listening(FakeDiarizeEngine):
    """Retient ce qu'il a reçu."""

    heard: Wave

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        """Comme l'autre, l'onde copiée."""
        self.heard = np.array(wave)
        return await super().diarize(wave, options, on_progress)


@pytest.mark.parametrize("gain", [1.0, 1e-4])
async def test_only_a_very_quiet_wave_is_raised(tmp_path: Path, gain: float) -> None:
    wave = (audio_files.speech() * gain).astype(np.float32)
    (tmp_path / "f").write_bytes(audio_files.wav(wave, kind="f32"))
    engine = Listening()
    request = link_pb2.Submit(request_id="r", spool_name="f")
    with ThreadPoolExecutor(1) as pool:
        run = FileDiarization(engine, SpeechTools(tmp_path, Limits(), VadModel(), pool)).run(request)
        assert [item async for item in run]
    expected = wave if gain == 1.0 else wave * (0.25 / np.abs(wave).max())
    assert np.allclose(engine.heard, expected, atol=1e-6) and len(engine.heard) == len(wave)
