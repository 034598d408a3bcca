"""Les files de `make test` : rien n'y manque, et aucune n'attend ce qui n'est pas à elle."""

import sys
from pathlib import Path

import pytest

from tools.check import AT_ONCE, FALLS, WALKS, Check, Failed, Lanes, end_to_end
from tools.steps import ROOT


def script(name: str, code: str) -> Check:
    return Check(name, (sys.executable, "-c", code))


def test_what_asks_for_chromium_follows_its_installation() -> None:
    files = (ROOT / "tests" / "e2e").glob("test_*.py")
    asking = {str(file) for file in files if "chromium: str" in file.read_text(encoding="utf-8")}
    assert asking and asking <= {*end_to_end(*WALKS)}


@pytest.mark.parametrize("pattern", [*WALKS, *FALLS])
def test_each_name_of_a_lane_is_that_of_a_file(pattern: str) -> None:
    assert end_to_end(pattern)


def test_a_lane_beyond_what_goes_at_once_follows_the_first_that_ends(tmp_path: Path) -> None:
    """Les premières, sauf une, attendent la dernière, qui ne peut donc commencer que quand cette une finit."""
    come = tmp_path / "venue"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(come)!r}).exists(): time.sleep(0.02)"
    first = {f"file {number}": [script("attend", wait)] for number in range(AT_ONCE - 1)}
    ended = {"brève": [script("rien", "")]}
    last = {"dernière": [script("vient", f"open({str(come)!r}, 'w')")]}
    Lanes().play(first | ended | last)
    assert come.exists()


def test_the_first_failure_stops_the_others() -> None:
    with pytest.raises(Failed, match="échoue"):
        Lanes().play(
            {
                "longue": [script("dort", "import time; time.sleep(1000)"), script("ensuite", "")],
                "fautive": [script("échoue", "raise SystemExit(3)")],
            }
        )
