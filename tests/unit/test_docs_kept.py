"""Ce qui est gardé des appelants : le tableau dit ce que fait le code, et rien du dossier d'état n'y manque."""

import re
from dataclasses import fields
from pathlib import Path

from server.control.quotas.store import QUOTAS
from server.control.record import audit
from server.control.record.journal import OPERATIONS_KEPT, TRANSITIONS_KEPT
from server.control.record.schema import JOURNAL
from server.control.requests.store import USAGE
from server.domain import Limits
from server.named_keys import KEYS
from server.supervisor.log_file import LOG_BYTES, LOG_FILES

ROOT = Path(__file__).resolve().parents[2]


def _table() -> str:
    text = (ROOT / "docs" / "securite.md").read_text(encoding="utf-8").replace("\u202f", " ")
    _, _, after = text.partition("## Ce qui est gardé, et comment l'effacer\n")
    return after.partition("\n## ")[0]


def test_every_file_that_names_a_caller_is_in_the_table() -> None:
    table = _table()
    for name in (JOURNAL, USAGE, QUOTAS, KEYS, audit.NAME, "logs/<nom>.log", "spool/"):
        assert f"`{name}`" in table, name


def test_what_is_kept_is_in_one_table() -> None:
    rows = [line for line in _table().splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
    assert len([row for row in rows if set(row) <= set("|- ")]) == 1


def test_every_duration_is_the_one_in_force() -> None:
    table = _table()
    known = {f"PASSERELLE_{limit.name.upper()}" for limit in fields(Limits)}
    config = (ROOT / "server" / "settings" / "config.py").read_text(encoding="utf-8")
    named = set(re.findall(r"`(PASSERELLE_\w+)`", table))
    assert named and {name for name in named - known if f'"{name}"' not in config} == set()
    for count, words in ((OPERATIONS_KEPT, "opérations"), (TRANSITIONS_KEPT, "changements d'état")):
        assert f"{count:,} {words}".replace(",", " ") in table
    assert f"{LOG_FILES + 1} fichiers de {LOG_BYTES // 2**20} Mio" in table
