"""Des options d'un profil aux arguments de vLLM ; n'importe pas vLLM.

Les noms sont ceux de `vllm serve`, avec des soulignés (`max_model_len`). vLLM les lit lui-même : types, unités (`32k`)
et valeurs admises sont les siens.
"""

import argparse
import difflib
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import orjson

from server.errors import ModelLoadFailed
from server.tables import FieldRefused

NOWHERE = "aucun.invalid"
"""Seul domaine de média admis par défaut : il n'existe pas (RFC 2606). Une liste vide, elle, les admettrait tous."""

GRAMMARS = "xgrammar"
"""Bibliothèque de grammaires de toutes les requêtes, si le profil n'en dit pas une autre : celle que vLLM préfère."""

SERVING_OPTIONS = frozenset(
    {
        "lora_modules",
        "chat_template",
        "chat_template_content_format",
        "default_chat_template_kwargs",
        "enable_auto_tool_choice",
        "exclude_tools_when_tool_choice_none",
        "tool_call_parser",
        "tool_strict_level",
        "enable_prompt_tokens_details",
        "enable_force_include_usage",
        "enable_per_request_metrics",
        "return_tokens_as_token_ids",
    }
)
"""Options de la façade OpenAI de vLLM qu'un profil règle ; les autres sont celles d'un serveur HTTP, qui n'existe pas
ici."""

_OURS = "Passerelle le règle elle-même"
_LEAK = "le texte des requêtes n'est jamais journalisé"
REFUSED = {
    "model": _OURS,
    "tokenizer": _OURS,
    "served_model_name": _OURS,
    "revision": _OURS,
    "tokenizer_revision": _OURS,
    "code_revision": _OURS,
    "download_dir": _OURS,
    "hf_token": _OURS,
    "allowed_local_media_path": "aucun fichier de la machine n'est lu pour une requête",
    "enable_prompt_embeds": "des vecteurs fournis par un appelant sont du code",
    "enable_log_requests": _LEAK,
    "tool_parser_plugin": "aucun code n'est chargé par son chemin",
    "reasoning_parser_plugin": "aucun code n'est chargé par son chemin",
}
"""Options de vLLM qu'un profil ne règle pas, et pourquoi."""


NEED_STATS = ("enable_per_request_metrics", "otlp_traces_endpoint")
"""Options qui se font des statistiques de vLLM : sans elles, la première requête finie arrêterait le moteur."""

_SWITCH_PREFIXES = ("enable_", "disable_", "enforce_", "trust_", "use_", "skip_")
_SWITCHES = frozenset(
    {
        "aggregate_engine_logging",
        "allow_deprecated_quantization",
        "async_scheduling",
        "cudagraph_metrics",
        "data_parallel_external_lb",
        "data_parallel_hybrid_lb",
        "data_parallel_multi_port_external_lb",
        "dcp_q_replicate",
        "exclude_tools_when_tool_choice_none",
        "fail_on_environ_validation",
        "fully_sharded_loras",
        "interleave_mm_strings",
        "jit_monitor_verbose",
        "kv_cache_metrics",
        "kv_sharing_fast_prefill",
        "language_model_only",
        "long_prefill_token_threshold_adaptive",
        "mm_device_do_normalize",
        "mm_encoder_only",
        "numa_bind",
        "ray_workers_use_nsight",
        "return_sampling_mask",
        "return_tokens_as_token_ids",
        "scheduler_reserve_full_isl",
        "sleep_mode_offload_cudagraph",
        "specialize_active_lora",
        "swa_bounded_replay",
        "tokens_only",
    }
)


def is_switch(name: str) -> bool:
    """Vrai pour une option qui est vraie ou fausse, d'après son nom ; l'essai le compare à l'analyseur de vLLM."""
    return name.startswith(_SWITCH_PREFIXES) or name in _SWITCHES


def check_reserved(where: str, options: Mapping[str, Any]) -> None:
    """Refuse les options que Passerelle donne elle-même, ou ne laisse pas régler.

    Raises:
        FieldRefused: option réservée.
    """
    for name in options:
        if name in REFUSED:
            raise FieldRefused(f"{where}.{name}", f"option réservée : {REFUSED[name]}", value=options[name])


class OptionRejected(Exception):
    """Refus de l'analyseur de vLLM, à sa façon."""


class RaisingParser(argparse.ArgumentParser):
    """Analyseur qui lève au lieu d'arrêter le processus ; se mêle à celui de vLLM."""

    def error(self, message: str) -> NoReturn:
        raise OptionRejected(message)


def parse(
    options: Mapping[str, Any],
    parser: argparse.ArgumentParser,
    engine_options: Collection[str],
    fixed: Mapping[str, Any],
) -> argparse.Namespace:
    """Fait lire à `parser` les options du profil, puis celles que Passerelle impose.

    Raises:
        ModelLoadFailed: option inconnue, réservée ou de valeur refusée ; `metadata["field"]` la nomme.
    """
    try:
        check_reserved("options", options)
    except FieldRefused as error:
        raise ModelLoadFailed(str(error), metadata={"field": error.field}) from error
    known = vars(parser.parse_args([]))
    allowed = ((set(engine_options) | SERVING_OPTIONS) & set(known)) - set(REFUSED)
    for name in options:
        if name not in allowed:
            raise _unknown(name, allowed)
    for name in NEED_STATS:
        if options.get("disable_log_stats") and options.get(name):
            raise _refused(name, "demande les statistiques de vLLM, que disable_log_stats = true éteint.")
    chosen = with_defaults(options, known)
    try:
        return parser.parse_args(_words({**chosen, **fixed}, known))
    except (OptionRejected, ValueError, TypeError) as error:
        raise _refused(_culprit(chosen, parser, known), f"valeur refusée par vLLM ({error}).") from error


def with_defaults(options: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Complète les options du profil par ce qui convient à Passerelle."""
    chosen = dict(options)
    if not chosen.get("allowed_media_domains"):
        chosen["allowed_media_domains"] = [NOWHERE]
    if chosen.get("tool_call_parser"):
        chosen.setdefault("enable_auto_tool_choice", True)
    outputs = chosen.get("structured_outputs_config", {})
    if "structured_outputs_config" in known and isinstance(outputs, dict) and outputs.get("backend", "auto") == "auto":
        # « auto » prend pour toutes les requêtes la bibliothèque que la première a demandée, et jamais plus d'une :
        # ce que l'une refuse serait confié à l'autre, qui l'ignore sans le dire.
        chosen["structured_outputs_config"] = {**outputs, "backend": GRAMMARS}
    if chosen.get("lora_modules"):
        chosen.setdefault("enable_lora", True)
    if "disable_log_stats" in known and not any(chosen.get(name) for name in NEED_STATS):
        # Elles coûtent à chaque pas : un profil qui les veut sur /metrics écrit disable_log_stats = false.
        chosen.setdefault("disable_log_stats", True)
    return chosen


def environment(options: Mapping[str, Any], *, device: str, threads: int) -> dict[str, str]:
    """Variables à poser avant l'import de vLLM, sauf celles que l'exploitant a déjà posées.

    Ni greffon (celui de NeMo casse vLLM), ni statistiques envoyées, ni réseau pour les poids.
    """
    values = {
        "VLLM_PLUGINS": "",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
        # Le chargement a lieu dans un fil : un fork y copierait des verrous pris.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    }
    if options.get("tensor_parallel_size", 1) != 1:
        # Le multicast NVLink manque dans bien des conteneurs, et NCCL échoue alors au lieu de s'en passer.
        values["NCCL_NVLS_ENABLE"] = "0"
    if on_one_machine(options):
        # Sur une seule machine, les processus de vLLM ne s'écoutent que par la boucle locale.
        values["VLLM_HOST_IP"] = "127.0.0.1"
    if device == "cpu":
        values |= {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(threads),
        }
    return values


def on_one_machine(options: Mapping[str, Any]) -> bool:
    """Vrai si tous les processus de vLLM sont sur cette machine."""
    return options.get("distributed_executor_backend") != "ray" and options.get("nnodes", 1) == 1


def suggestions(name: str, known: Collection[str]) -> list[str]:
    """Les noms connus les plus proches."""
    return difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)


def _words(values: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Ligne de commande ; une valeur égale au défaut n'y figure pas (un drapeau sans `--no-…` n'y a pas de mot)."""
    words: list[str] = []
    for name, value in values.items():
        flag = name.replace("_", "-")
        if value == known.get(name) and type(value) is type(known.get(name)):
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            words += [f"--{flag}", *(_word(item) for item in value)]
        else:
            words.append(f"--{flag}={_word(value)}")
    return words


def _word(value: Any) -> str:
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else str(value)


def _culprit(options: Mapping[str, Any], parser: argparse.ArgumentParser, known: Mapping[str, Any]) -> str:
    """Première option que vLLM refuse à elle seule."""
    for name, value in options.items():
        try:
            parser.parse_args(_words({name: value}, known))
        except (OptionRejected, ValueError, TypeError):
            return name
    return ""


def _unknown(name: str, allowed: Collection[str]) -> ModelLoadFailed:
    close = suggestions(name, allowed)
    hint = f" Noms proches : {', '.join(close)}." if close else ""
    return _refused(name, f"option inconnue de vLLM.{hint}")


def _refused(name: str, why: str) -> ModelLoadFailed:
    return ModelLoadFailed(f"options.{name} : {why}", metadata={"field": f"options.{name}"})
