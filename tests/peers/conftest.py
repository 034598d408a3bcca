"""Le produit ouvert et Chromium, comme de bout en bout."""

from tests.e2e.conftest import chromium, product

__all__ = ["chromium", "product"]
