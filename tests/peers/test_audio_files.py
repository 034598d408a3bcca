"""Toutes les formes d'entrée, et des centaines de mauvais fichiers."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from tests.e2e.test_audio import AUSTEN, GOOD, http, memory, reference, refused, same_words, send, unchanged, words
from tests.support.product import Product

__all__ = ["http", "reference"]


@pytest.mark.parametrize("name", GOOD)
def test_every_input_form_gives_the_same_words(http: httpx.Client, reference: str, name: str) -> None:
    same_words(http, reference, name)


@pytest.mark.timeout(900)
def test_hundreds_of_bad_files_change_nothing(product: Product, http: httpx.Client, reference: str) -> None:
    product.ensure_ready("pyannote")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(partial(refused, http), range(40))) == {400}
        before = memory(product)
        assert len(before) >= 3
        for round_ in range(4):
            assert set(pool.map(partial(refused, http), range(round_ * 90, round_ * 90 + 90))) == {400}
            assert words(send(http, AUSTEN.read_bytes()).json()["text"]) == words(reference)
    unchanged(product, before)
