"""Le regroupement d'un fichier de six heures, aux bornes que donnent les profils."""

from pathlib import Path

import pytest

from tests.support.long_speech import six_hours_are_clustered_while_the_loop_beats

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["agglomerative", "vbx"])
async def test_six_hours_of_embeddings_are_clustered_while_the_loop_beats(tmp_path: Path, name: str) -> None:
    await six_hours_are_clustered_while_the_loop_beats(tmp_path, name)
