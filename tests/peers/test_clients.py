"""Les clients du dehors, sans retouche, devant le produit : ce qu'ils essaient, ce qu'ils en reconnaissent."""

from collections.abc import Iterator

import pytest

from tests.support.clients import CASES, offers_tools, results, served
from tests.support.product import Product
from tools.clients import CLIENTS, Client


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with served(tmp_path_factory.mktemp("c")) as product:
        yield product


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.script)
def test_a_client_does_what_it_can(keyed: Product, client: Client) -> None:
    found = dict(results(client, keyed))
    assert set(found) == set(CASES)
    if not offers_tools(keyed):
        # Un modèle sans outils les refuse par leur nom : c'est ce que chaque bibliothèque doit montrer.
        refusal = found.pop("tools")
        assert refusal.works is None or "tools" in refusal.said, refusal
    assert {case: result.said for case, result in found.items() if result.works is False} == {}
