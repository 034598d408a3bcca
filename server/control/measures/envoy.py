"""Ce qu'Envoy compte : ses connexions, ses réponses, ce qu'il coupe et ce qu'il reprend."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric

from server.control.measures.families import Family, Sheet

FAMILIES = (
    Family("passerelle_envoy_up", "1 if Envoy answered.", ()),
    Family("passerelle_envoy_connections", "Open client connections.", ()),
    Family("passerelle_envoy_connections_total", "Client connections accepted.", ()),
    Family("passerelle_envoy_connections_refused_total", "Client connections refused by a limit.", ()),
    Family("passerelle_envoy_requests", "Requests in flight.", ()),
    Family("passerelle_envoy_responses_total", "Responses to clients, by class of status.", ("class",)),
    Family("passerelle_envoy_client_resets_total", "Requests cut; by is client or server.", ("by",)),
    Family("passerelle_envoy_received_bytes_total", "Bytes received from clients.", ()),
    Family("passerelle_envoy_sent_bytes_total", "Bytes sent to clients.", ()),
    Family("passerelle_envoy_upstream_connections", "Open connections to a group of processes.", ("cluster",)),
    Family("passerelle_envoy_upstream_failures_total", "Connections to a group that failed.", ("cluster",)),
    Family("passerelle_envoy_upstream_resets_total", "Requests a group cut, or cut to it.", ("cluster", "by")),
    Family("passerelle_envoy_upstream_retries_total", "Requests sent again to a group.", ("cluster",)),
    Family("passerelle_envoy_upstream_overflow_total", "Requests refused by the limits of a group.", ("cluster",)),
    Family("passerelle_envoy_upstream_healthy", "Processes of a group that Envoy finds healthy.", ("cluster",)),
    Family("passerelle_envoy_memory_bytes", "Memory Envoy has allocated.", ()),
)
CLUSTERS = ("fronts", "control", "dashboard")
FILTER = r"^(http\.public\.downstream_|cluster\.[a-z]+\.(upstream_|membership_)|listener\..*_overflow|server\.memory_a)"
"""Ce qu'il faut lire de `/stats`."""

_PUBLIC: dict[str, tuple[str, ...]] = {
    "passerelle_envoy_connections": ("cx_active",),
    "passerelle_envoy_connections_total": ("cx_total",),
    "passerelle_envoy_requests": ("rq_active",),
    "passerelle_envoy_received_bytes_total": ("cx_rx_bytes_total",),
    "passerelle_envoy_sent_bytes_total": ("cx_tx_bytes_total",),
}
_UPSTREAM: dict[str, tuple[str, ...]] = {
    "passerelle_envoy_upstream_connections": ("upstream_cx_active",),
    "passerelle_envoy_upstream_failures_total": ("upstream_cx_connect_fail", "upstream_cx_connect_timeout"),
    "passerelle_envoy_upstream_retries_total": ("upstream_rq_retry",),
    "passerelle_envoy_upstream_overflow_total": ("upstream_cx_overflow", "upstream_rq_pending_overflow"),
    "passerelle_envoy_upstream_healthy": ("membership_healthy",),
}


def collect(stats: Mapping[str, int]) -> Iterable[Metric]:
    """Familles de ces compteurs ; vides s'il n'a pas répondu."""
    sheet = Sheet(FAMILIES)
    sheet.put("passerelle_envoy_up", bool(stats))
    if not stats:
        return sheet

    def total(prefix: str, names: Iterable[str]) -> int:
        return sum(stats.get(f"{prefix}{name}", 0) for name in names)

    public = "http.public.downstream_"
    for family, names in _PUBLIC.items():
        sheet.put(family, total(public, names))
    for rank in "12345":
        sheet.put("passerelle_envoy_responses_total", total(public, (f"rq_{rank}xx",)), f"{rank}xx")
    sheet.put("passerelle_envoy_client_resets_total", total(public, ("rq_rx_reset",)), "client")
    sheet.put("passerelle_envoy_client_resets_total", total(public, ("rq_tx_reset",)), "server")
    refused = sum(value for name, value in stats.items() if name.startswith("listener.") and "worker_" not in name)
    sheet.put("passerelle_envoy_connections_refused_total", refused)
    sheet.put("passerelle_envoy_memory_bytes", stats.get("server.memory_allocated", 0))
    for cluster in CLUSTERS:
        prefix = f"cluster.{cluster}."
        for family, names in _UPSTREAM.items():
            sheet.put(family, total(prefix, names), cluster)
        sheet.put("passerelle_envoy_upstream_resets_total", total(prefix, ("upstream_rq_rx_reset",)), cluster, "server")
        sheet.put("passerelle_envoy_upstream_resets_total", total(prefix, ("upstream_rq_tx_reset",)), cluster, "envoy")
    return sheet
