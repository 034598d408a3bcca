"""Ce que l'exemplaire sait de vLLM sans ses statistiques, qui coûtent à chaque pas : ses requêtes et son cache."""

from typing import Any


class Leaving(dict[str, Any]):
    """Requêtes que vLLM mène ; retient, de chacune qui le quitte, ce que le cache de préfixes lui a épargné."""

    def __init__(self, states: dict[str, Any]) -> None:
        super().__init__(states)
        self.asked = 0
        """Jetons d'entrée des requêtes qui ont commencé, et sont parties."""
        self.found = 0
        """Ceux que le cache avait."""

    def pop(self, key: str, *default: Any) -> Any:
        state = super().pop(key, *default)
        if state is not None and not state.is_prefilling:
            self.asked += state.prompt_len
            self.found += state.num_cached_tokens
        return state


def watch(engine: Any) -> Leaving:
    """Met le compte à la place de la table de vLLM ; un par moteur ouvert."""
    processor = engine.output_processor
    processor.request_states = found = Leaving(processor.request_states)
    return found


def gauges(engine: Any, states: Leaving) -> dict[str, float]:
    """Mesures de cet instant, sous leurs noms de `docs/supervision.md`."""
    cache = engine.vllm_config.cache_config
    requested = 0
    for state in states.values():
        requested += state.prompt_len
        if state.detokenizer is not None:
            requested += state.detokenizer.num_output_tokens()
    return {
        "kv_cache_size_tokens": (cache.num_gpu_blocks or 0) * cache.block_size,
        "kv_cache_requested_tokens": requested,
        "prefix_cache_query_tokens_total": states.asked,
        "prefix_cache_hit_tokens_total": states.found,
    }


class _Own:
    """Les mesures de vLLM, parmi celles du processus."""

    def collect(self) -> Any:
        from prometheus_client import REGISTRY

        return (family for family in REGISTRY.collect() if family.name.startswith("vllm:"))


def exposition(engine: Any) -> bytes:
    """Mesures `vllm:*` au format texte ; vide tant que le profil laisse `disable_log_stats`."""
    if not engine.log_stats:
        return b""
    from prometheus_client import generate_latest

    return generate_latest(_Own())  # type: ignore[arg-type]
