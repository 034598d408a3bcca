"""Recopie les routes du contrat : dans `gen/routes.json`, que lisent les essais de la page, et dans le README.

`python -m tools.routes <dossier>` y écrit les deux fichiers, depuis les souches que PYTHONPATH désigne.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from passerelle.v1 import route_pb2

from server.rpc.routes import ROUTES, Route

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- Routes : écrites par « make gen », depuis protos/ -->\n", "<!-- Fin des routes -->\n"
KEYS = {
    route_pb2.KEY_SCOPE_NONE: "aucune",
    route_pb2.KEY_SCOPE_INFERENCE: "`OPENAI_KEYS`",
    route_pb2.KEY_SCOPE_ADMIN: "`ADMIN_KEYS`, sinon `OPENAI_KEYS`",
    route_pb2.KEY_SCOPE_LOCAL_OR_ADMIN: "aucune depuis la machine ; `ADMIN_KEYS`, sinon `OPENAI_KEYS`, d'ailleurs",
    route_pb2.KEY_SCOPE_ADMIN_TO_CHANGE: "aucune pour lire ; `ADMIN_KEYS`, sinon `OPENAI_KEYS`, pour agir",
}


def as_json(routes: Iterable[Route]) -> str:
    """Routes annoncées, une par ligne."""
    rows = [
        {
            "name": route.name,
            "method": route.method,
            "path": route.path,
            "group": route_pb2.EndpointGroup.Name(route.group).removeprefix("ENDPOINT_GROUP_"),
            "key": route_pb2.KeyScope.Name(route.key).removeprefix("KEY_SCOPE_"),
        }
        for route in routes
    ]
    return "[\n" + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows) + "\n]\n"


def as_table(routes: Sequence[Route]) -> str:
    """Tableau en Markdown : une ligne par famille et par clé."""
    # gRPC-Web parle aux mêmes services que gRPC : ils se disent ensemble.
    kept = [route for route in routes if route.group != route_pb2.ENDPOINT_GROUP_GRPC_WEB]
    lines = ["| routes | clé, s'il y en a |", "|---|---|"]
    for (_, key), found in groupby(kept, lambda route: (route.group, route.key)):
        lines.append(f"| {'<br>'.join(map(_told, found))} | {KEYS[key]} |")
    return "\n".join(lines) + "\n"


def _told(route: Route) -> str:
    path = route.path.lstrip("/") if route.method == "gRPC" else route.path
    return f"`{route.method} {path}` : {route.name[0].lower()}{route.name[1:]}"


def with_table(page: str, table: str) -> str:
    """Page dont le tableau des routes est remplacé."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{table}{END}{after}"


def main(folder: Path) -> None:
    """Écrit les deux fichiers sous `folder`."""
    (folder / "gen" / "routes.json").write_text(as_json(ROUTES), encoding="utf-8")
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(with_table(page, as_table(ROUTES)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
