"""Tout ce qu'Envoy mène à un processus est annoncé, ou a une raison de ne pas l'être."""

import re
from pathlib import Path
from typing import Any

import grpc
import yaml
from starlette.routing import Route, WebSocketRoute

from server.domain import EndpointGroup, Limits
from server.settings.advertise import ROUTES, WEB_SOCKET
from server.supervisor.envoy import EnvoySettings, render
from server.web.app import create_app
from server.web.live import LiveBridge
from server.web.live_routes import live_routes

UNTOLD = {
    "OPTIONS /*": "question préalable d'un navigateur (CORS) : le filtre y répond lui-même",
    "gRPC /passerelle.v1.AdminService/WatchStatus": "annoncée avec son service",
    "gRPC /passerelle.v1.AdminService/StreamLogs": "annoncée avec son service",
    "gRPC /passerelle.v1.ProbeService/*": "ses méthodes sont /readyz et /metrics, annoncées",
    "gRPC /passerelle.v1.RestService/CreateCompletion": "déjà annoncée par son adresse HTTP",
    "gRPC /passerelle.v1.RestService/CreateChatCompletion": "déjà annoncée par son adresse HTTP",
    "GET /config.json": "réglages de la page elle-même",
    "GET /{}": "fichiers et pages du tableau de bord, dont l'adresse est annoncée",
}
"""Adresses servies sans être annoncées, et pourquoi."""


def told() -> set[str]:
    """Adresses annoncées ; un nom variable s'y écrit `{}`."""
    found = set()
    for route in ROUTES:
        path = unnamed(route.path)
        if route.group is EndpointGroup.GRPC:
            path += "/"
        # Un WebSocket s'ouvre par un GET, gRPC-Web par le même chemin que gRPC.
        method = {WEB_SOCKET: "GET", "gRPC-Web": "gRPC"}.get(route.method, route.method)
        found.add(f"{method} {path}")
    return found


def unnamed(path: str) -> str:
    """Chemin dont les noms variables n'ont plus de nom."""
    return re.sub(r"\{[^}]+\}", "{}", path)


def envoy_places() -> set[str]:
    """Adresses qu'Envoy mène à un processus ; un préfixe finit par `*`."""
    settings = EnvoySettings(Path("/run"), "0.0.0.0", 8000, 1, 1, Path("/descripteur"), 1, 1, 1.0)
    listeners = yaml.safe_load(render(settings))["static_resources"]["listeners"]
    [manager] = listeners[0]["filter_chains"][0]["filters"]
    [host] = manager["typed_config"]["route_config"]["virtual_hosts"]
    places = set()
    for route in host["routes"]:
        if "route" in route:
            places |= {f"{method(route['match'])} {path}" for path in spelled(route["match"])}
    return places


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
        app = create_app(Path("/nulle-part"), {}, live_routes(LiveBridge(channel, Limits(), (), 1.0)))
    places = set()
    for route in app.routes:
        assert isinstance(route, Route | WebSocketRoute), route
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


def test_every_place_of_the_dashboard_is_told_or_has_a_reason_not_to_be() -> None:
    places = dashboard_places()
    assert "GET /ws/transcribe" in places
    assert places - told() - set(UNTOLD) == set()


def test_no_reason_outlives_its_place() -> None:
    places = envoy_places() | dashboard_places()
    assert set(UNTOLD) <= places
    assert not set(UNTOLD) & told()
