"""Ce qu'un arrêt dit à qui il coupe : une relance est l'affaire d'une seconde, un redémarrage de ce que le précédent a mis."""

from pathlib import Path

import pytest

from server.lifetime import STOPPING, away_seconds


@pytest.mark.parametrize(("written", "said"), [("", 1.0), ("53", 53.0), ("bientôt", 1.0)])
def test_the_server_says_when_to_come_back(tmp_path: Path, written: str, said: float) -> None:
    if written:
        (tmp_path / STOPPING).write_text(written)
    assert away_seconds(tmp_path) == said
