"""Une même forme de ligne pour tous les journaux, et la même à lire."""

import json
import logging
from pathlib import Path

import pytest

from server.events import last_line
from server.log_lines import as_json, as_text
from server.rpc.logs import JsonFormatter, TextFormatter
from tests.support.journal import journal
from tests.support.waiting import until

OURS = '{"time":"2026-11-29T10:00:00.000+00:00","level":"info","logger":"x","event":"front_ready","process_name":"front-0"}'
RAW = (
    "INFO 11-29 [loader.py:12] Loading…",
    "{'mot': 1}",
    '{"mot": 1}',
    "",
    '{"time": ',
    "[" * 2000,
    "Traceback :\té\x00",
)


@pytest.mark.parametrize("raw", RAW)
def test_every_line_becomes_json_and_loses_nothing(raw: str) -> None:
    lines = as_json(f"{OURS}\n{raw}\n{OURS}", "qwen-0").split("\n")
    assert lines[0] == lines[2] == OURS
    wrapped = json.loads(lines[1])
    assert (wrapped["event"], wrapped["text"], wrapped["process_name"]) == ("output", raw, "qwen-0")


def test_lines_already_in_json_pass_untouched() -> None:
    sorted_otherwise = json.dumps({"event": "envoy_error", "level": "warning", "time": "t"})
    for lines in (OURS, f"{OURS}\n{OURS}", f"{sorted_otherwise}\n{OURS}"):
        assert as_json(lines, "envoy") == lines


def test_the_last_words_of_a_process_are_read_through_their_wrapping(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(as_json(f"{OURS}\nMemoryError: plus rien", "x") + "\n", encoding="utf-8")
    assert last_line(path) == "MemoryError: plus rien"


def test_a_line_to_read_has_everything(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("la cause")
    except ValueError:
        logging.getLogger("server.essai").exception("rpc_crashed", extra={"code": "OK", "mots": "deux mots"})
    [record] = caplog.records
    text = TextFormatter().format(record)
    assert text == as_text(JsonFormatter().format(record))
    head, *trace = text.split("\n")
    assert "ERROR" in head and 'rpc_crashed code=OK mots="deux mots"' in head
    assert trace[0].startswith("Traceback") and trace[-1] == "ValueError: la cause"
    assert as_text(as_json("ligne d'ailleurs", "qwen-0")).endswith("qwen-0 | ligne d'ailleurs")
    assert as_text("pas du JSON") == "pas du JSON"


async def test_the_level_follows_its_file_in_every_process_that_reads_it(tmp_path: Path) -> None:
    path, ours, theirs = tmp_path / "log-level", logging.getLogger("server.essai"), logging.getLogger("httpx2")
    with journal(level_file=path) as written:
        for level, heard in (("ERROR", "1000"), ("DEBUG", "1111"), ("WARNING", "1100"), ("absent", "1110")):
            if level == "absent":
                path.unlink()
            else:
                path.write_text(level)
            wanted = [mark == "1" for mark in heard]
            await until(
                lambda wanted=wanted: (
                    [  # type: ignore[misc]
                        ours.isEnabledFor(one) for one in (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
                    ]
                    == wanted
                ),
                level,
            )
            # Le détail d'une bibliothèque montrerait des en-têtes et des requêtes.
            assert not theirs.isEnabledFor(logging.DEBUG)
        path.write_text("n'importe quoi")
        assert ours.isEnabledFor(logging.INFO)
    changed = [(line["before"], line["after"]) for line in written.lines("log_level_changed")]
    assert changed == [("ERROR", "DEBUG"), ("DEBUG", "WARNING"), ("WARNING", "INFO")]
