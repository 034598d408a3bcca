"""Un long flux en direct, donné plus vite que le modèle ne l'entend."""

from collections.abc import Iterator

import numpy as np
import psutil
from passerelle.v1 import audio_pb2

from tests.e2e.test_live import RATE, TRANSCRIPTS, Request, audio, ready, talk, wer
from tests.support import audio_files
from tests.support.product import Product

__all__ = ["ready"]


def test_three_minutes_at_full_speed_are_slowed_not_refused(product: Product) -> None:
    rate, channels = 48000, 2
    phrase = audio_files.speech("en/austen-0930.wav")
    lap = np.zeros(30 * RATE, np.float32)
    lap[RATE : RATE + len(phrase)] = phrase
    # 69 Mo de flottants stéréo : bien plus que tous les tampons du chemin.
    data = np.repeat(np.repeat(lap, rate // RATE)[:, None], channels, axis=1).astype("<f4").tobytes()
    fronts = [p for p in product.processes() if " front" in " ".join(p.cmdline())]
    before = sum(p.memory_info().rss for p in fronts)
    peak = before

    def chunks() -> Iterator[Request]:
        nonlocal peak
        for _ in range(6):
            yield from audio(data, 1_000_003)
            peak = max(peak, sum(psutil.Process(p.pid).memory_info().rss for p in fronts))

    told = talk(
        product,
        chunks(),
        encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE,
        rate=rate,
        channels=channels,
        language="en",
    )
    assert told.error is None and len(told.of("final")) == 6
    assert told.of("summary")[0].coverage.covered_duration.seconds == 180
    assert wer(" ".join([TRANSCRIPTS["en/austen-0930.wav"]["text"]] * 6), told.text) < 0.4
    # Le client donnait encore de l'audio quand les premières phrases étaient rendues : il a été retenu.
    heard = [at for at, e in zip(told.times, told.events, strict=True) if e.HasField("final") and at < told.sent]
    assert len(heard) >= 2
    assert peak - before < 32 * 2**20, f"{(peak - before) / 2**20:.0f} Mio de plus dans les fronts"
