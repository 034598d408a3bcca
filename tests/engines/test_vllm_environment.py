"""Les variables que Passerelle pose pour vLLM sont bien les siennes : une faute d'orthographe ne se voit pas autrement."""

import re
from pathlib import Path

import pytest
import vllm.envs

from server.engines.vllm.options import environment

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("options", [{}, {"tensor_parallel_size": 2}, {"distributed_executor_backend": "ray"}])
def test_vllm_knows_every_variable_it_is_given(device: str, options: dict[str, object]) -> None:
    given = {name for name in environment(options, device=device, threads=2) if name.startswith("VLLM_")}
    assert given and given <= set(vllm.envs.environment_variables)


def test_vllm_knows_every_variable_the_product_names() -> None:
    named = {
        name
        for folder in ("server", "tools", "bench", "deploy", "tests/support")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".sh", ".toml", ".yml", ".yaml", ""}
        for name in re.findall(r"\bVLLM_[A-Z0-9_]+\b", path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert "VLLM_WORKER_MULTIPROC_METHOD" in named
    assert named <= set(vllm.envs.environment_variables)
