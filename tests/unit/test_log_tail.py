"""Le journal d'un modèle : les lignes de ses exemplaires, et d'eux seuls."""

import asyncio
from pathlib import Path

import pytest

from server.control.record.log_tail import tail


def read(logs: Path, key: str) -> list[str]:
    """Lignes déjà écrites du journal d'un modèle."""

    async def collect() -> list[str]:
        return [line async for lines in tail(logs, key, 100, follow=False) for line in lines]

    return asyncio.run(collect())


@pytest.mark.parametrize(("key", "lines"), [("qwen", ["0", "10"]), ("qwen-vl", ["vl"]), ("qwen-7", ["sept"])])
def test_a_model_has_the_lines_of_its_replicas_only(tmp_path: Path, key: str, lines: list[str]) -> None:
    for name, line in [
        ("qwen-0.log", "0"),
        ("qwen-10.log", "10"),
        ("qwen-vl-0.log", "vl"),
        ("qwen-7-0.log", "sept"),
        ("qwen-0.log.1", "tournée"),
        ("qwen-essai.log", "autre"),
        ("front-0.log", "front"),
    ]:
        (tmp_path / name).write_text(f"{line}\n", encoding="utf-8")
    assert read(tmp_path, key) == lines


def test_a_key_is_not_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "qwen-0.log").write_text("autre\n", encoding="utf-8")
    (tmp_path / "qw.n-0.log").write_text("le sien\n", encoding="utf-8")
    assert read(tmp_path, "qw.n") == ["le sien"]
    assert read(tmp_path, "qw*") == []
