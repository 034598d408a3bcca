"""Ce que plusieurs fichiers de ces essais partagent."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, gateway


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Le vrai Envoy devant un front, un plan de contrôle et un tableau de bord d'essai."""
    with gateway(tmp_path_factory.mktemp("envoy") / "log") as found:
        yield found
