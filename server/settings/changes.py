"""Ce qu'un rechargement change : qui tient quoi, et ce que seul un redémarrage change."""

from dataclasses import dataclass

from server.settings.config import Config
from server.tables import ConfigError

_FIXED = {
    "bind": "PASSERELLE_BIND ou HOST_BIND_ADDRESS",
    "port": "PASSERELLE_PORT ou HOST_PORT",
    "fronts": "PASSERELLE_FRONTS",
    "cache_dir": "MODEL_CACHE_DIR",
    "state_dir": "PASSERELLE_STATE_DIR",
    "run_base": "PASSERELLE_RUN_BASE",
    "stop_grace": "PASSERELLE_STOP_GRACE",
    "drain_seconds": "PASSERELLE_DRAIN_SECONDS",
    "watchdog_seconds": "PASSERELLE_WATCHDOG_SECONDS",
    "restart_pause": "PASSERELLE_RESTART_PAUSE",
    "log_forward": "PASSERELLE_LOG_FORWARD",
    "log_format": "PASSERELLE_LOG_FORMAT",
    "log_level": "PASSERELLE_LOG_LEVEL (« passerelle log-level » le change en marche)",
    "traces": "PASSERELLE_TRACES_ENDPOINT, PASSERELLE_TRACES_RATIO ou PASSERELLE_TRACES_QUEUE",
    "gpu_lists": "PASSERELLE_GPUS ou CUDA_VISIBLE_DEVICES",
    "keys_file": "PASSERELLE_KEYS_FILE (le contenu du fichier, lui, est suivi)",
    "allowed_origins": "PASSERELLE_ALLOWED_ORIGINS",
    "grpc_compression": "PASSERELLE_GRPC_COMPRESSION",
    "trusted_hops": "PASSERELLE_TRUSTED_HOPS",
    "envoy_concurrency": "PASSERELLE_ENVOY_CONCURRENCY",
    "tls_cert": "PASSERELLE_TLS_CERT",
    "tls_key": "PASSERELLE_TLS_KEY",
    "tls_client_ca": "PASSERELLE_TLS_CLIENT_CA",
    "tokens": "PASSERELLE_JWT_… (le contenu de PASSERELLE_JWT_JWKS_FILE, lui, est relu)",
}
"""Réglages que tiennent le superviseur, Envoy, ou les baux des exemplaires en marche."""

_ENVOY_LIMITS = (
    "max_json_body_bytes",
    "max_admin_body_bytes",
    "max_upload_bytes",
    "max_stream_duration_seconds",
    "max_body_silence_seconds",
    "max_envoy_heap_bytes",
    "max_concurrent_streams",
    "max_total_open_calls",
)
"""Limites écrites dans la configuration d'Envoy."""

_FRONTS = ("limits", "openai_keys", "admin_keys", "build", "shares", "default_quota")
_DASHBOARD = ("limits", "openai_keys", "admin_keys")


@dataclass(frozen=True, slots=True)
class Change:
    """Processus à relancer, avec le plan de contrôle."""

    fronts: bool
    dashboard: bool


def change(before: Config, after: Config) -> Change:
    """Ce qui sépare deux configurations.

    Raises:
        ConfigError: un réglage a changé que seul un redémarrage change.
    """

    def differ(*names: str) -> bool:
        return any(getattr(before, name) != getattr(after, name) for name in names)

    fixed = [variable for name, variable in _FIXED.items() if differ(name)]
    limits = (before.limits, after.limits)
    fixed += [
        f"PASSERELLE_{name.upper()}" for name in _ENVOY_LIMITS if getattr(limits[0], name) != getattr(limits[1], name)
    ]
    if before.keyed is not after.keyed and before.openai_keys != after.openai_keys:
        fixed.append("OPENAI_KEYS (en donner une première, ou les retirer toutes)")
    if not before.keyed and differ("allowed_hosts", "advertised"):
        fixed.append("ADVERTISED_HOSTS ou PASSERELLE_ALLOWED_HOSTS (sans clé, Envoy les tient)")
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} : ne change qu'à un redémarrage ; rien n'a été changé.")
    profile = (before.profile.name, before.profile.notice) != (after.profile.name, after.profile.notice)
    return Change(fronts=differ(*_FRONTS), dashboard=differ(*_DASHBOARD) or profile)
