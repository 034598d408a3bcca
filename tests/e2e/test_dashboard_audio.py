"""L'audio dans la page, dans un vrai Chromium, à travers Envoy."""

from tests import audio_files
from tests.e2e.product import Product, wait_until
from tests.e2e.test_dashboard import walk


def test_a_person_transcribes_diarizes_and_cancels(product: Product, chromium: str) -> None:
    phrase = audio_files.DATA / "en" / "austen-0870.wav"
    walk("page_audio.mjs", product, chromium, str(phrase), str(audio_files.dialogue()[0]))
    wait_until(lambda: not list((product.run_dir / "spool").iterdir()), 20, "réserve vide")
