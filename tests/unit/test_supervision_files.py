"""Ce que deploy/supervision/ donne à Prometheus et à Grafana ne nomme que ce que `/metrics` expose."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.unit.test_measures import exposed

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BOARD: dict[str, Any] = json.loads((DEPLOY / "supervision/grafana/dashboards/passerelle.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "supervision/alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
OVERLAY: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.supervision.yml").read_text("utf-8"))
SUFFIXES = ("_bucket", "_sum", "_count")


def queries() -> list[str]:
    """Requêtes du tableau et des règles."""
    panels = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    return [*panels, *(rule["expr"] for rule in RULES)]


def test_every_query_names_a_measure_that_exists() -> None:
    known = exposed()
    known |= {name + suffix for name in known for suffix in SUFFIXES}
    named = {name for query in queries() for name in re.findall(r"\bpasserelle_\w+", query)}
    assert len(named) > 60 and not named - known


def test_every_measure_is_shown_or_known_to_be_for_the_curious() -> None:
    """Une mesure qu'aucun panneau ne montre et qu'aucune alerte n'emploie se justifie ici."""
    named = {name for query in queries() for name in re.findall(r"\bpasserelle_\w+", query)}
    shown = named | {name.removesuffix(suffix) for name in named for suffix in SUFFIXES}
    assert exposed() - shown == {
        # Ce qui tourne, et depuis quand : pour joindre, ou lire une fois.
        "passerelle_build_info",
        "passerelle_start_time_seconds",
        "passerelle_process_start_time_seconds",
        "passerelle_gpu_info",
        # Le détail des appels, que les mesures des requêtes résument.
        "passerelle_rpc_calls_total",
        "passerelle_rpc_seconds",
        "passerelle_rpc_in_flight",
        "passerelle_generations_total",
        "passerelle_generations_in_flight",
        "passerelle_first_output_seconds",
        "passerelle_stream_frames_total",
        "passerelle_stream_flushes_total",
        # Ce qui n'existe qu'avec un collecteur de traces.
        "passerelle_trace_spans_sent_total",
        "passerelle_trace_spans_dropped_total",
        "passerelle_relayed_spans_dropped_total",
        # Le détail des modèles, des baux et d'Envoy, pour comprendre une alerte.
        "passerelle_model_detours",
        "passerelle_replica_max_running",
        "passerelle_replica_max_waiting",
        "passerelle_replica_asleep",
        "passerelle_operation_seconds",
        "passerelle_gpu_memory_reserved_bytes",
        "passerelle_envoy_up",
        "passerelle_envoy_requests",
        "passerelle_envoy_upstream_connections",
        "passerelle_envoy_upstream_failures_total",
        "passerelle_envoy_memory_bytes",
    }


def test_every_panel_has_its_place_and_its_source() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "passerelle", panel["title"]
    source = yaml.safe_load(
        (DEPLOY / "supervision/grafana/provisioning/datasources/passerelle.yml").read_text("utf-8")
    )["datasources"][0]
    assert (source["uid"], source["url"]) == ("passerelle", "http://prometheus:9090")


def test_every_alert_says_how_grave_it_is_and_is_in_the_page() -> None:
    page = (ROOT / "docs" / "supervision.md").read_text("utf-8").split("### Les alertes", 1)[1]
    rows = re.findall(r"^\| `(Passerelle\w+)` \| (.+) \| (.+) \|$", page, re.M)
    assert [name for name, *_ in rows] == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"} and rule["annotations"]["summary"].endswith(".")


def test_the_overlay_mounts_files_that_are_here() -> None:
    provisioned = yaml.safe_load(
        (DEPLOY / "supervision/grafana/provisioning/dashboards/passerelle.yml").read_text("utf-8")
    )["providers"][0]["options"]["path"]
    targets = {}
    for service in OVERLAY["services"].values():
        for volume in service["volumes"]:
            source, target, *_ = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                targets[target] = ROOT / source
    assert list(targets[provisioned].glob("*.json")) == [DEPLOY / "supervision/grafana/dashboards/passerelle.json"]
    told = yaml.safe_load(targets["/etc/prometheus/prometheus.yml"].read_text("utf-8"))
    (scraped,) = told["scrape_configs"]
    assert told["rule_files"] == ["alerts.yml"] and targets["/etc/prometheus/alerts.yml"].name == "alerts.yml"
    base = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert scraped["static_configs"][0]["targets"] == ["passerelle:8000"] and "passerelle" in base["services"]
    (secret,) = OVERLAY["services"]["prometheus"]["secrets"]
    assert scraped["authorization"]["credentials_file"] == f"/run/secrets/{secret}" and secret in OVERLAY["secrets"]
