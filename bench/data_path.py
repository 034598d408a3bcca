"""Ce que coûte le chemin des données, avec un moteur qui ne coûte rien, à côté de FastAPI derrière le même Envoy.

    python -m bench.data_path [--rounds 3] [--against DOSSIER] [--short]

Trois charges : flux saturés, 128 flux à 20 ms le jeton, requêtes sans flux. Le coût est le temps de processeur de chaque
processus (utilisateur et système) divisé par les jetons ou les requêtes ; les chemins alternent dans une exécution.
`--against` y met aussi le produit d'une autre copie du dépôt : ce que des changements coûtent se lit dans son rapport.
`--short` : des charges plus courtes, et une sortie en erreur si un rapport passe son plafond.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bench.installation import Weights, install
from bench.load import Connection, StreamResult, cpu_seconds, machine, percentile, spread
from tests.support.product import ROOT, free_port, running_product, wait_until

PEER_ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: pair
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: pair, timeout: 0s}}}}]}}]}}
          http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]
  clusters:
  - name: pair
    type: STATIC
    connect_timeout: 1s
    load_assignment: {{cluster_name: pair, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{pipe: {{path: "{socket}"}}}}}}}}]}}]}}
"""


@dataclass(frozen=True)
class Side:
    """Chemin mesuré : un port et les processus qui le servent."""

    name: str
    port: int
    pids: dict[str, list[int]]


@dataclass(frozen=True)
class Load:
    """Charge appliquée aux deux chemins."""

    name: str
    connections: int
    requests: int
    tokens: int
    stream: bool
    ceiling: float = 0.0
    """Rapport au pair qu'une exécution courte ne doit pas passer."""


async def apply(side: Side, load: Load) -> tuple[dict[str, float], list[StreamResult], float]:
    """Applique une charge ; rend le processeur par processus (µs par unité), les relevés et la durée."""
    connections = [await Connection.open("127.0.0.1", side.port) for _ in range(load.connections)]
    body = b'{"model":"qwen","messages":[{"role":"user","content":"Bonjour"}],"max_tokens":%d,"stream":%s}' % (
        load.tokens,
        b"true" if load.stream else b"false",
    )
    results: list[StreamResult] = []

    async def worker(connection: Connection) -> None:
        for _ in range(load.requests):
            results.append(await connection.post("/v1/chat/completions", body))

    before = {name: cpu_seconds(pids) for name, pids in side.pids.items()}
    begin = time.perf_counter()
    await asyncio.gather(*(worker(c) for c in connections))
    elapsed = time.perf_counter() - begin
    units = load.connections * load.requests * (load.tokens if load.stream else 1)
    used = {name: (cpu_seconds(pids) - before[name]) / units * 1e6 for name, pids in side.pids.items()}
    for connection in connections:
        connection.close()
    return used, results, elapsed


@contextlib.contextmanager
def passerelle(
    folder: Path, engine: Weights, *, name: str = "Passerelle", root: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[Side]:
    """Le produit entier, du dépôt `root`, avec un moteur de mesure."""
    folder.mkdir()
    (engine.folder / "rien").parent.mkdir(exist_ok=True)
    (engine.folder / "rien").touch()
    profile, cache = install([engine], folder)
    settings = {"PASSERELLE_PROFILE": str(profile), "PASSERELLE_BIND": "127.0.0.1"}
    settings["PYTHONPATH"] = os.pathsep.join(map(str, (root, root / "gen" / "python")))
    with running_product(folder, cache_dir=cache, env=settings | dict(env or {}), root=root) as product:
        assert product.admin("load", engine.key, wait=True).status_code == 200
        processes = product.processes()
        yield Side(
            name,
            product.port,
            {
                "front": [p.pid for p in processes if "front" in p.cmdline()],
                "exemplaire": [p.pid for p in processes if "worker" in p.cmdline()],
                "Envoy": [p.pid for p in processes if "envoy" in p.name()],
                "superviseur et contrôle": [
                    product.process.pid,
                    *(p.pid for p in processes if "control" in p.cmdline()),
                ],
            },
        )


def free(folder: Path, capability: str = "chat", replicas: int = 1, **options: float) -> Weights:
    """Le moteur qui ne coûte rien, au dossier `folder`."""
    key, factory = {"chat": ("qwen", "create_engine"), "transcribe": ("canary", "create_recognizer")}[capability]
    extra = {"requires_gpu": False, "gpus": [], "max_waiting": 2048, "replicas": replicas}
    return Weights(key, capability, f"bench.free_engine:{factory}", folder, options, extra)


@contextlib.contextmanager
def peer(folder: Path, step: float, envoy: str) -> Iterator[Side]:
    """FastAPI et uvicorn derrière un Envoy réduit à son routeur."""
    folder.mkdir()
    socket = folder / "p.sock"
    port = free_port()
    config = folder / "pair.yaml"
    config.write_text(PEER_ENVOY.format(port=port, socket=socket), encoding="utf-8")
    children = [
        subprocess.Popen([sys.executable, "-m", "bench.peer_fastapi", str(socket), str(step)], cwd=ROOT),
        subprocess.Popen(
            [envoy, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
            stdout=subprocess.DEVNULL,
        ),
    ]
    try:

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
            return False

        wait_until(answers, 30, "pair prêt")
        yield Side("FastAPI", port, {"FastAPI": [children[0].pid], "Envoy": [children[1].pid]})
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(10)


async def compare(sides: list[Side], load: Load, rounds: int) -> float:
    """Alterne les chemins ; écrit une ligne pour chacun, puis les rapports du premier aux autres.

    Rend le rapport au dernier du meilleur tour de chacun : ce qu'une machine occupée ajoute ne fait que s'ajouter.
    """
    totals: dict[str, list[float]] = {side.name: [] for side in sides}
    parts: dict[str, dict[str, list[float]]] = {side.name: {name: [] for name in side.pids} for side in sides}
    firsts: dict[str, list[float]] = {side.name: [] for side in sides}
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(rounds + 1):
        # Chacun à son tour le premier : celui qui suit le pair a toujours payé plus cher.
        first = turn % len(sides)
        for side in (*sides[first:], *sides[:first]):
            used, results, elapsed = await apply(side, load)
            if turn == 0:
                continue
            totals[side.name].append(sum(used.values()))
            for name, value in used.items():
                parts[side.name][name].append(value)
            firsts[side.name].extend(r.first * 1000 for r in results)
            rates[side.name].append(len(results) * (load.tokens if load.stream else 1) / elapsed)
    digits = 1 if load.stream else 0
    for side in sides:
        detail = ", ".join(
            f"{name} {statistics.median(values):.{digits}f}" for name, values in parts[side.name].items()
        )
        print(
            f"| {load.name} | {side.name} | {spread(totals[side.name], digits)} | {detail} "
            f"| {spread(rates[side.name], 0)} "
            f"| {percentile(firsts[side.name], 0.5):.0f} / {percentile(firsts[side.name], 0.99):.0f} |"
        )
    ours, best = totals[sides[0].name], 0.0
    for other in sides[1:]:
        ratios = [a / b for a, b in zip(ours, totals[other.name], strict=True)]
        best = min(ours) / min(totals[other.name])
        print(
            f"| {load.name} | **rapport à {other.name}** | **{spread(ratios)}** "
            f"| au meilleur tour de chacun : {best:.2f} | | |",
            flush=True,
        )
    return best


LOADS = (
    (0.0, [Load("saturée, 16 flux", 16, 4, 200, True, 2.2), Load("sans flux, 64 connexions", 64, 20, 8, False, 6.5)]),
    (20.0, [Load("20 ms × 128 flux", 128, 1, 150, True, 2.0)]),
)
"""Charges par durée d'étape, en ms. Chaque plafond est le rapport relevé (docs/mesures.md), et un tiers de plus."""


async def main() -> int:
    """Point d'entrée ; rend le code de sortie."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="autre copie du dépôt, dont le produit est mesuré à côté")
    parser.add_argument("--short", action="store_true", help="charges courtes, jugées sur leurs plafonds")
    options = parser.parse_args()
    from server.supervisor.envoy import envoy_binary

    print(f"{machine()} ; {options.rounds} tours alternés après un échauffement\n")
    print("| charge | chemin | µs de processeur par jeton ou requête | dont | par seconde | 1er octet p50 / p99 (ms) |")
    print("|---|---|---|---|---|---|", flush=True)
    above = []
    for step, loads in LOADS:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="b-")))
            one_thread = {"PASSERELLE_ENVOY_CONCURRENCY": "1"}
            engine = free(folder / "poids", step_ms=step, max_running=1024)
            sides = [stack.enter_context(passerelle(folder / "a", engine, env=one_thread))]
            if options.against:
                other, name = options.against.resolve(), str(options.against)
                sides.append(
                    stack.enter_context(passerelle(folder / "b", engine, name=name, root=other, env=one_thread))
                )
            sides.append(stack.enter_context(peer(folder / "p", step, str(envoy_binary()))))
            for load in loads:
                if options.short:
                    load = replace(load, requests=max(1, load.requests // 2), tokens=load.tokens // 2)
                ratio = await compare(sides, load, options.rounds)
                if options.short and ratio > load.ceiling:
                    above.append(f"{load.name} : {ratio:.2f}, plafond {load.ceiling:g}")
    if above:
        print(f"\nAu-dessus du plafond : {' ; '.join(above)}.", file=sys.stderr)
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
