"""`examples/compte_rendu.py` : rien ne se perd d'un lot à l'autre, et chaque point a ses instants."""

import re
from typing import Any

import pytest

from examples.compte_rendu import KINDS, Line, Server, batches, markdown, merged, minutes_of, numbered

LINES = [Line(f"Phrase {rank}.", ((float(rank), rank + 0.5),), "SPEAKER_00") for rank in range(40)]


class Written(Server):
    """Répond à chaque lot un point par sorte, sur ses première et dernière lignes ; un grand lot est coupé."""

    def __init__(self, *, context: int, most: int = 1000) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]
        self.context, self.most = context, most
        self.asked: list[int] = []

    def ask(self, text: str, schema: dict[str, Any], tokens: int) -> dict[str, Any] | None:
        """Comme un modèle qui suivrait le schéma."""
        count = len(re.findall(r"^\[\d+\]", text, re.MULTILINE))
        self.asked.append(count)
        assert schema["properties"]["summary"]["items"]["properties"]["lines"]["items"]["maximum"] == count
        if count > self.most:
            return None
        point = {"text": f"De {text.splitlines()[0]}", "lines": [1, count]}
        return {kind: [point] for kind in schema["properties"]}


def test_a_long_meeting_is_read_whole_batch_by_batch() -> None:
    server = Written(context=600)
    found = minutes_of(server, LINES)
    cited = {span for point in found["actions"] for span in point.spans}
    # Les lots se suivent : les bornes de chacun couvrent la réunion.
    assert min(cited)[0] == 0.0 and max(cited)[1] == 39.5
    assert len(server.asked) > 1 and len(found["summary"]) <= len(found["actions"])
    assert {span for point in found["summary"] for span in point.spans} <= cited


def test_an_answer_that_is_cut_makes_two_batches(capsys: pytest.CaptureFixture[str]) -> None:
    server = Written(context=8000, most=10)
    found = minutes_of(server, LINES)
    assert server.asked[0] == 40 and max(count for count in server.asked if count <= 10) == 10
    assert {span for point in found["decisions"] for span in point.spans} >= {LINES[0].spans[0], LINES[-1].spans[0]}
    assert minutes_of(Written(context=8000, most=0), LINES[:2]) == {kind: [] for kind in KINDS}
    assert capsys.readouterr().err.count("laissée sans point") == 2


def test_batches_keep_every_word() -> None:
    long = [*LINES, Line("x" * 500, ((50.0, 60.0),))]
    for characters in (40, 100, 1000):
        parts = batches(long, characters)
        assert "".join(line.text for part in parts for line in part) == "".join(line.text for line in long)
        assert all(len(part) == 1 or len(numbered(part)) <= characters for part in parts)


def test_the_same_point_is_written_once_with_all_its_times() -> None:
    one = {kind: [Line("Voté.", ((1.0, 2.0),))] for kind in KINDS}
    other = {kind: [Line("Voté.", ((3661.0, 3662.0),))] for kind in KINDS}
    written = markdown("r.wav", merged([one, other]), LINES[:1], small=False)
    assert written.count("- Voté. (0:00:01–0:00:02, 1:01:01–1:01:02)") == 3
    assert "**SPEAKER_00** (0:00:00) Phrase 0." in written and "démonstration" not in written
