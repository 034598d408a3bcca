"""La documentation nomme ce qui existe."""

from dataclasses import fields
from pathlib import Path

from server.domain import Limits

ROOT = Path(__file__).resolve().parents[2]


def test_every_limit_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "limites.md").read_text(encoding="utf-8").replace("\u202f", " ")
    for limit in fields(Limits):
        value = getattr(Limits(), limit.name)
        shown = f"{value:,.15g}".translate(str.maketrans(",.", " ,"))
        assert f"| `PASSERELLE_{limit.name.upper()}` | {shown} |" in text, limit.name


def test_the_readme_names_every_variable_that_is_read() -> None:
    import re

    code = (ROOT / "server" / "config.py").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = set(re.findall(r'env\.\w+\("([A-Z_]+)"', code)) - {"PASSERELLE_RUN_DIR", "HF_TOKEN"}
    assert len(names) > 12
    missing = {name for name in names if f"`{name}`" not in readme}
    assert not missing
