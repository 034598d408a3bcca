"""La liste d'Envoy et le contrat disent la même chose : tout ce qui est annoncé est mené, et l'inverse."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
import starlette.routing
import yaml
from google.api import annotations_pb2
from passerelle.v1 import route_pb2

from server.domain import Limits
from server.rpc.auth import Guard
from server.rpc.contract import SERVICES
from server.rpc.routes import ROUTES, WEB_SOCKET, Route
from server.supervisor.envoy import EnvoySettings, render
from server.web.app import create_app
from server.web.live import LiveBridge
from server.web.live_routes import live_routes

UNTOLD = {
    "OPTIONS /*": "question préalable d'un navigateur (CORS) : le filtre y répond lui-même",
    "gRPC /passerelle.v1.AdminService/WatchStatus": "annoncée avec son service",
    "gRPC /passerelle.v1.AdminService/StreamLogs": "annoncée avec son service",
    "gRPC /passerelle.v1.RequestService/WatchRequests": "annoncée avec son service",
    "gRPC /grpc.health.v1.Health/Watch": "annoncée avec son service",
    "gRPC /passerelle.v1.ProbeService/GetMetrics": "déjà annoncée par son adresse HTTP",
    "gRPC /passerelle.v1.RestService/CreateCompletion": "déjà annoncée par son adresse HTTP",
    "gRPC /passerelle.v1.RestService/CreateChatCompletion": "déjà annoncée par son adresse HTTP",
    "GET /config.json": "réglages de la page elle-même",
    "GET /index.html": "la page, dont l'adresse est annoncée",
    "GET /favicon.svg": "icône de la page",
    "GET /assets/{}": "fichiers de la page",
    "GET /{}": "fichiers de la page, dans le tableau de bord lui-même",
    **{f"GET /{name}": "autre nom de /healthz" for name in ("health", "live", "ping")},
    "GET /ready": "autre nom de /readyz",
    **{f"POST /{name}": f"autre nom de /v1/{name}" for name in ("tokenize", "detokenize")},
}
"""Adresses servies sans être annoncées, et pourquoi."""


def place_of(route: Route) -> str:
    """Adresse d'une route annoncée ; un nom variable s'y écrit `{}`."""
    path = unnamed(route.path)
    if route.group in (route_pb2.ENDPOINT_GROUP_GRPC, route_pb2.ENDPOINT_GROUP_GRPC_WEB):
        path += "/"
    # Un WebSocket s'ouvre par un GET, gRPC-Web par le même chemin que gRPC.
    return f"{ {WEB_SOCKET: 'GET', 'gRPC-Web': 'gRPC'}.get(route.method, route.method) } {path}"


def told() -> set[str]:
    """Adresses annoncées."""
    return {place_of(route) for route in ROUTES}


def unnamed(path: str) -> str:
    """Chemin dont les noms variables n'ont plus de nom."""
    return re.sub(r"\{[^}]+\}", "{}", path)


def envoy_manager() -> dict[str, Any]:
    """Réglages du filtre HTTP public d'Envoy."""
    settings = EnvoySettings(Path("/run"), "0.0.0.0", 8000, 1, 1, Path("/descripteur"), 1, 1, 1, 1.0, 1.0, 1, 1, 1)
    listeners = yaml.safe_load(render(settings))["static_resources"]["listeners"]
    [manager] = listeners[0]["filter_chains"][0]["filters"]
    found: dict[str, Any] = manager["typed_config"]
    return found


def envoy_routes() -> list[dict[str, Any]]:
    """Routes d'Envoy, dans l'ordre."""
    [host] = envoy_manager()["route_config"]["virtual_hosts"]
    found: list[dict[str, Any]] = host["routes"]
    return found


def envoy_places() -> set[str]:
    """Adresses qu'Envoy mène à un processus ; un préfixe finit par `*`."""
    return {
        f"{method(route['match'])} {path}"
        for route in envoy_routes()
        if "route" in route
        for path in spelled(route["match"])
    }


def method(match: dict[str, Any]) -> str:
    """Méthode d'une route d'Envoy ; HEAD suit GET."""
    named = {header["name"]: header.get("string_match") for header in match["headers"]}
    if named.get("content-type") == {"prefix": "application/grpc"}:
        return "gRPC"
    if named[":method"] == {"safe_regex": {"regex": "GET|HEAD"}}:
        return "GET"
    return str(named[":method"]["exact"])


def spelled(match: dict[str, Any]) -> set[str]:
    """Chemins d'une route d'Envoy, chaque choix d'une expression écrit à part."""
    if "prefix" in match:
        return {match["prefix"] + "*"}
    return {match["path"]} if "path" in match else choices(match["safe_regex"]["regex"])


def choices(regex: str) -> set[str]:
    """Chemins que décrit une expression faite de choix, de parties facultatives et de noms variables."""
    group = re.search(r"\(([^()]*)\)(\??)", regex)
    if group is None:
        path = re.sub(r"\[\^[^\]]+\]\+", "{}", regex).replace(r"\.", ".")
        assert not re.search(r"[\\()*+?|^$]", path), f"expression que cet essai ne sait pas lire : {regex}"
        return {path}
    options = [*group[1].split("|"), *([""] if group[2] else [])]
    return {path for option in options for path in choices(regex[: group.start()] + option + regex[group.end() :])}


def dashboard_places() -> set[str]:
    """Adresses de l'application du tableau de bord."""
    with grpc.insecure_channel("unix:/nulle-part") as channel:
        app = create_app(Path("/nulle-part"), dict, live_routes(LiveBridge(channel, Limits(), Guard((), ()), 1.0)))
    places = set()
    for route in app.routes:
        assert isinstance(route, starlette.routing.Route | starlette.routing.WebSocketRoute), route
        places.add(f"GET {unnamed(route.path)}")
    return places


def test_an_expression_of_envoy_is_spelled_whole() -> None:
    assert choices(r"/v1/models(/[^?]+)?") == {"/v1/models", "/v1/models/{}"}
    assert choices(r"/a\.b/(x/(y|z)|w)") == {"/a.b/x/y", "/a.b/x/z", "/a.b/w"}


def test_every_place_envoy_serves_is_told_or_has_a_reason_not_to_be() -> None:
    known = told()
    places = envoy_places()
    assert len(places) > len(ROUTES) / 2
    forgotten = {
        place
        for place in places - set(UNTOLD)
        if not (any(one.startswith(place[:-1]) for one in known) if place.endswith("*") else place in known)
    }
    assert not forgotten


def test_every_route_told_is_served_by_envoy() -> None:
    places = envoy_places()
    prefixes = tuple(place[:-1] for place in places if place.endswith("*"))
    assert not {place for place in told() if place not in places and not place.startswith(prefixes)}


def test_every_binding_of_the_contract_is_served_by_envoy() -> None:
    """Autres noms d'une route compris (`additional_bindings`)."""
    rules = [method.GetOptions().Extensions[annotations_pb2.http] for service in SERVICES for method in service.methods]
    bound = {
        f"{verb.upper()} {unnamed(getattr(one, verb).replace('{model=**}', '{model}'))}"
        for rule in rules
        for one in (rule, *rule.additional_bindings)
        if (verb := one.WhichOneof("pattern"))
    }
    assert {"GET /ping", "GET /ready", "GET /v1/models/{}"} <= bound <= envoy_places()


def test_envoy_knows_every_file_of_the_page() -> None:
    root = Path(__file__).resolve().parents[2] / "dashboard"
    files = {f"GET /{path.relative_to(root / 'public')}" for path in (root / "public").rglob("*") if path.is_file()}
    assert files and files <= envoy_places()


def test_an_address_of_nobody_names_routes_that_exist() -> None:
    [text] = [
        route["direct_response"]["body"]["inline_string"]
        for route in envoy_routes()
        if route["match"] == {"prefix": "/"} and "direct_response" in route
    ]
    named = text.removesuffix(".").split("Routes : ")[1].split(", ")
    assert set(named) <= {f"{r.method} {r.path}" for r in ROUTES}


def test_envoy_transcodes_every_service_with_http_routes() -> None:
    with_http = {
        service.full_name
        for service in SERVICES
        if any(method.GetOptions().HasExtension(annotations_pb2.http) for method in service.methods)
    }
    [transcoder] = [one for one in envoy_manager()["http_filters"] if one["name"].endswith("grpc_json_transcoder")]
    assert set(transcoder["typed_config"]["services"]) == with_http


@pytest.mark.parametrize("prefix", ["/v1", "/api"])
def test_an_unknown_address_is_told_every_route_of_its_family(prefix: str) -> None:
    [text] = [
        route["direct_response"]["body"]["inline_string"]
        for route in envoy_routes()
        if route["match"] == {"safe_regex": {"regex": f"{prefix}(/.*)?"}}
    ]
    _, listed = text.removesuffix(".").split("Routes : ")
    named, last = set(), ""
    for word in re.split(r", | ou ", listed):
        # « POST /a/{b}/load, /unload » : les verbes d'un même objet ne répètent pas son adresse.
        last = word if " " in word else last.rpartition("/")[0] + word
        named.add(last)
    assert named == {f"{r.method} {r.path}" for r in ROUTES if r.path.startswith(f"{prefix}/")}


def test_every_place_of_the_dashboard_is_told_or_has_a_reason_not_to_be() -> None:
    places = dashboard_places()
    assert "GET /ws/transcribe" in places
    assert places - told() - set(UNTOLD) == set()


def test_no_reason_outlives_its_place() -> None:
    places = envoy_places() | dashboard_places()
    assert set(UNTOLD) <= places
    assert not set(UNTOLD) & told()
