"""Ce qu'un enfant dit en JSON, une ligne par événement."""

from pathlib import Path

import pytest

from server.errors import DiskFull, EngineFailed
from server.events import Tail, event_of, failed, line_of


def test_a_line_says_one_event() -> None:
    event = {"event": "phase", "phase": "opening", "note": "à l'heure\nou presque"}
    assert line_of(event).count("\n") == 1 and event_of(line_of(event)) == event


def test_a_failure_keeps_its_class_and_its_words() -> None:
    with pytest.raises(DiskFull, match="plus de place"):
        event_of(line_of(failed(DiskFull("plus de place"))).encode())
    assert failed(EngineFailed("raté"))["reason"] == EngineFailed.reason


def test_a_tail_gives_each_whole_line_once(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    with path.open("w", encoding="utf-8") as file:
        for piece, lines in (("un\ndeu", ["un"]), ("", []), ("x\ntrois\n", ["deux", "trois"]), ("é", [])):
            file.write(piece)
            file.flush()
            assert tail.read() == lines
    path.rename(tmp_path / "w.jsonl.1")
    path.write_text("neuf\n", encoding="utf-8")
    assert tail.read() == ["neuf"]
