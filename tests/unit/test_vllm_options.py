"""Les options d'un profil pour vLLM, lues par un analyseur fait comme le sien."""

import argparse
import json
from typing import Any

import pytest

from server.engines.vllm.options import GRAMMARS, NOWHERE, RaisingParser, environment, parse
from server.errors import ModelLoadFailed

ENGINE = {
    "model",
    "served_model_name",
    "max_model_len",
    "enable_prefix_caching",
    "enforce_eager",
    "limit_mm_per_prompt",
}
ENGINE |= {
    "structured_outputs_config",
    "tensor_parallel_size",
    "allowed_media_domains",
    "allowed_local_media_path",
    "enable_lora",
    "disable_log_stats",
    "otlp_traces_endpoint",
}
FIXED = {"model": "/poids/qwen", "served_model_name": ["qwen"]}


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    """Les mêmes sortes d'arguments que `vllm serve`, HTTP compris."""
    made = RaisingParser()
    made.add_argument("--model")
    made.add_argument("--served-model-name", nargs="+")
    made.add_argument("--max-model-len", type=int)
    made.add_argument("--tensor-parallel-size", type=int, default=1)
    made.add_argument("--enable-prefix-caching", action=argparse.BooleanOptionalAction)
    made.add_argument("--enforce-eager", action="store_true")
    made.add_argument("--limit-mm-per-prompt", type=json.loads)
    made.add_argument("--allowed-media-domains", nargs="+")
    made.add_argument("--allowed-local-media-path", default="")
    made.add_argument("--enable-lora", action="store_true")
    made.add_argument("--lora-modules", nargs="+", type=json.loads)
    made.add_argument("--tool-call-parser")
    made.add_argument("--structured-outputs-config", type=json.loads)
    made.add_argument("--enable-auto-tool-choice", action="store_true")
    made.add_argument("--disable-log-stats", action="store_true")
    made.add_argument("--enable-per-request-metrics", action="store_true")
    made.add_argument("--otlp-traces-endpoint")
    made.add_argument("--port", type=int, default=8000)
    return made


def read(parser: argparse.ArgumentParser, **options: Any) -> argparse.Namespace:
    return parse(options, parser, ENGINE, FIXED)


def test_every_kind_of_value_arrives_whole(parser: argparse.ArgumentParser) -> None:
    adapters = [{"name": "conteur", "path": "/lora/a"}, {"name": "juriste", "path": "/lora/b"}]
    found = read(
        parser,
        max_model_len=4096,
        enable_prefix_caching=False,
        enforce_eager=True,
        limit_mm_per_prompt={"image": 4, "video": 0},
        lora_modules=adapters,
        tool_call_parser="hermes",
    )
    assert (found.model, found.served_model_name, found.max_model_len) == ("/poids/qwen", ["qwen"], 4096)
    assert found.enable_prefix_caching is False and found.enforce_eager is True
    assert found.limit_mm_per_prompt == {"image": 4, "video": 0}
    assert found.lora_modules == adapters and found.enable_lora is True
    assert found.tool_call_parser == "hermes" and found.enable_auto_tool_choice is True


def test_a_flag_left_down_is_not_an_error(parser: argparse.ArgumentParser) -> None:
    assert read(parser, enforce_eager=False).enforce_eager is False


def test_no_remote_media_unless_the_profile_opens_a_list(parser: argparse.ArgumentParser) -> None:
    assert read(parser).allowed_media_domains == [NOWHERE]
    assert read(parser, allowed_media_domains=[]).allowed_media_domains == [NOWHERE]
    assert read(parser, allowed_media_domains=["images.fr"]).allowed_media_domains == ["images.fr"]


@pytest.mark.parametrize(
    ("outputs", "backend"),
    [({}, GRAMMARS), ({"backend": "auto"}, GRAMMARS), ({"backend": "guidance"}, "guidance")],
)
def test_one_library_leads_every_grammar(parser: argparse.ArgumentParser, outputs: Any, backend: str) -> None:
    """Avec « auto », ce que refuse celle de la première requête serait confié à celle-ci, qui l'ignore."""
    wanted = outputs | {"disable_any_whitespace": True}
    assert read(parser).structured_outputs_config == {"backend": GRAMMARS}
    assert read(parser, structured_outputs_config=wanted).structured_outputs_config == wanted | {"backend": backend}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_modl_len", 4096, "Noms proches : max_model_len"),
        ("port", 9000, "option inconnue"),
        ("model", "autre", "option réservée"),
        ("allowed_local_media_path", "/etc", "aucun fichier"),
        ("max_model_len", "beaucoup", "valeur refusée par vLLM"),
        ("enable_prefix_caching", "oui", "valeur refusée par vLLM"),
        ("max_model_len", True, "valeur refusée par vLLM"),
    ],
)
def test_a_wrong_option_is_named(parser: argparse.ArgumentParser, name: str, value: Any, said: str) -> None:
    with pytest.raises(ModelLoadFailed, match=said) as refused:
        read(parser, tensor_parallel_size=2, **{name: value})
    assert refused.value.metadata["field"] == f"options.{name}"


@pytest.mark.parametrize(
    ("options", "off"),
    [
        ({}, True),
        ({"disable_log_stats": False}, False),
        ({"otlp_traces_endpoint": "http://127.0.0.1:4317"}, False),
        ({"enable_per_request_metrics": True}, False),
        ({"enable_per_request_metrics": False}, True),
    ],
)
def test_what_is_made_of_the_statistics_turns_them_on(
    parser: argparse.ArgumentParser, options: dict[str, Any], off: bool
) -> None:
    """Sans elles, la première requête qu'il trace arrêterait le moteur, sur une assertion de vLLM."""
    assert read(parser, **options).disable_log_stats is off


@pytest.mark.parametrize(
    ("name", "value"), [("otlp_traces_endpoint", "http://127.0.0.1:4317"), ("enable_per_request_metrics", True)]
)
def test_statistics_that_are_needed_are_not_turned_off(parser: argparse.ArgumentParser, name: str, value: Any) -> None:
    with pytest.raises(ModelLoadFailed, match="disable_log_stats = true") as refused:
        read(parser, disable_log_stats=True, **{name: value})
    assert refused.value.metadata["field"] == f"options.{name}"


def test_the_environment_shuts_what_would_leave_the_machine() -> None:
    one = environment({}, device="cuda", threads=2)
    assert (one["VLLM_PLUGINS"], one["HF_HUB_OFFLINE"], one["VLLM_NO_USAGE_STATS"]) == ("", "1", "1")
    assert one["VLLM_HOST_IP"] == "127.0.0.1" and "NCCL_NVLS_ENABLE" not in one and "OMP_NUM_THREADS" not in one
    several = environment({"tensor_parallel_size": 2}, device="cuda", threads=2)
    assert several["NCCL_NVLS_ENABLE"] == "0"
    assert "VLLM_HOST_IP" not in environment({"distributed_executor_backend": "ray"}, device="cuda", threads=2)
    assert environment({}, device="cpu", threads=3)["OMP_NUM_THREADS"] == "3"
