"""Les variables et les genres d'options que Passerelle donne à vLLM sont bien les siens : une faute ne se voit pas autrement."""

import argparse
import dataclasses
import re
from pathlib import Path

import pytest
import vllm.envs
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

from server.engines.vllm.options import REFUSED, SERVING_OPTIONS, environment, is_switch

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("options", [{}, {"tensor_parallel_size": 2}, {"distributed_executor_backend": "ray"}])
def test_vllm_knows_every_variable_it_is_given(device: str, options: dict[str, object]) -> None:
    given = {name for name in environment(options, device=device, threads=2) if name.startswith("VLLM_")}
    assert given and given <= set(vllm.envs.environment_variables)


def test_true_or_false_options_are_those_of_vllm() -> None:
    """Ce dont la page fait un interrupteur, d'après le nom, est ce que l'analyseur de vLLM tient pour vrai ou faux."""
    parser = make_arg_parser(FlexibleArgumentParser(add_help=False))
    kinds = (argparse.BooleanOptionalAction, argparse._StoreTrueAction, argparse._StoreFalseAction)
    engine = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    actions = {action.dest: action for action in parser._actions if action.dest in engine | SERVING_OPTIONS}
    flags = {name for name, action in actions.items() if isinstance(action, kinds)} - set(REFUSED)
    assert len(flags) > 30 and {name for name in set(actions) - set(REFUSED) if is_switch(name)} == flags


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
