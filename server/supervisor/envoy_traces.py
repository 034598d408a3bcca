"""Le traceur d'Envoy : OpenTelemetry, par le relais du plan de contrôle ; rien si aucun collecteur n'est donné."""

import json
from pathlib import Path
from typing import Any

RELAY = "traces.sock"
"""Prise du relais, au dossier des prises."""

_CLUSTER = "traces"
_TYPE = "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig"
_SAMPLERS = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def trace_parts(run_dir: Path, ratio: float | None) -> dict[str, str]:
    """Morceaux de la configuration, par le nom que le modèle leur donne ; `ratio` : part tracée, `None` : rien."""
    if ratio is None:
        return {"tracing": "null", "trace_cluster": ""}
    cluster = json.dumps(_cluster(run_dir / RELAY))
    return {"tracing": json.dumps(_tracing(ratio)), "trace_cluster": f"  - {cluster}\n"}


def _tracing(ratio: float) -> dict[str, Any]:
    return {
        # x-client-trace-id : un en-tête d'Envoy, qui forcerait une trace.
        "client_sampling": {"value": 0},
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": _TYPE,
                "service_name": "passerelle-envoy",
                "grpc_service": {"envoy_grpc": {"cluster_name": _CLUSTER}, "timeout": "1s"},
                "sampler": _sampler(ratio),
            },
        },
    }


def _sampler(ratio: float) -> dict[str, Any]:
    """L'appelant décide ; sinon, cette part des traces, au millionième."""
    part = {"numerator": round(ratio * 1_000_000), "denominator": "MILLION"}
    by_ratio = _named("trace_id_ratio_based", "TraceIdRatioBased", sampling_percentage=part)
    return _named("parent_based", "ParentBased", wrapped_sampler=by_ratio)


def _named(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": f"envoy.tracers.opentelemetry.samplers.{name}",
        "typed_config": {"@type": f"{_SAMPLERS}.{kind}SamplerConfig", **fields},
    }


def _cluster(path: Path) -> dict[str, Any]:
    return {
        "name": _CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(path)}}}}]}],
        },
    }
