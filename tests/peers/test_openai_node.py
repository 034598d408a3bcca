"""Le SDK Node d'OpenAI, toute sa face audio, sans retouche ; le script est dans `dashboard/e2e/`."""

from tests.e2e.test_node import run_node
from tests.support import audio_files
from tests.support.product import Product


def test_openai_sdk_for_node_with_audio(product: Product) -> None:
    phrase, (dialogue, _) = audio_files.DATA / "en" / "austen-0870.wav", audio_files.dialogue()
    assert "tout est bon" in run_node("openai_audio.mjs", product, str(phrase), str(dialogue))
