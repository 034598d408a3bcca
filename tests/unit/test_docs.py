"""La documentation nomme ce qui existe."""

import ast
import re
from dataclasses import fields
from pathlib import Path

from passerelle.v1 import error_reason_pb2, model_pb2

from server.cli.show import PHASES, STAGES, STATES
from server.domain import Limits
from server.engines.base import LoadPhase
from server.rpc.status import TABLE

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    page for where in (".", "docs", "docs/adr", "envoy", "tests/data") for page in (ROOT / where).glob("*.md")
)
MAX_IMAGE_BYTES = 250_000
PATH = r"`(?:\.\./)?((?:server|tests|tools|bench|examples|deploy|dashboard/src|protos|gen|envoy|locks|docs)/[\w./*-]*)"
"""Chemin d'un dossier ou d'un fichier du dépôt ; `*` y vaut tout."""
MAKE = r"(?:^|`)(?:\w+=\S+ )*make ([a-z][a-z-]*)"
"""Commande de make, au début d'une ligne ou d'un passage de code."""


def test_every_limit_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "limites.md").read_text(encoding="utf-8").replace("\u202f", " ")
    for limit in fields(Limits):
        value = getattr(Limits(), limit.name)
        shown = f"{value:,.15g}".translate(str.maketrans(",.", " ,"))
        assert f"| `PASSERELLE_{limit.name.upper()}` | {shown} |" in text, limit.name


def test_every_variable_that_is_read_has_its_row() -> None:
    code = (ROOT / "server" / "settings" / "config.py").read_text(encoding="utf-8")
    names = set(re.findall(r'env\.\w+\("([A-Z_]+)"', code)) - {"PASSERELLE_RUN_DIR", "HF_TOKEN"}
    assert len(names) > 12
    names |= set(re.findall(r'envvar="([A-Z_]+)"', _code("server/cli")))
    names |= set(re.findall(r'environ\.get\("(PASSERELLE_[A-Z_]+|TORCH_[A-Z_]+)"', _code("server", "tools", "deploy")))
    assert not names - _variables().keys()


def test_every_row_names_a_variable_that_is_read() -> None:
    code = _code("server", "tools", "deploy")
    # Celles du client du hub, et de ce qu'il emploie pour parler au réseau, sont lues par lui.
    network = re.compile(r"HF_\w+|\w+_PROXY|SSL_CERT_FILE")
    unread = {name for name in _variables() if name not in code and not network.fullmatch(name)}
    assert not unread


def test_every_plain_setting_has_its_default() -> None:
    code = (ROOT / "server" / "settings" / "config.py").read_text(encoding="utf-8")
    found = re.findall(r'env\.\w+\("([A-Z_]+)", ("[^"]+"|[\d.]+|True|False)[,)]', code)
    assert len(found) > 10
    table = _variables()
    for name, default in found:
        value = ast.literal_eval(default)
        shown = str(value).lower() if isinstance(value, bool | str) else f"{value:g}"
        assert f"`{shown}`" in table[name].lower(), name


def test_every_state_and_stage_has_its_words() -> None:
    page = _pages("dashboard/src/fr.ts").split("STATES", 1)[1].split("};", 1)[0]
    assert dict(re.findall(r'^  \[ModelState\.(\w+)\]: "(.+)",$', page, re.M)) == STATES
    assert {name.removeprefix("MODEL_STATE_") for name in model_pb2.ModelState.keys()} == STATES.keys()  # noqa: SIM118
    proto = _pages("protos/passerelle/v1/audio.proto").split("message AudioProgress", 1)[1].split("string stage", 1)[0]
    assert set(re.findall(r"`(\w+)`", proto)) == STAGES.keys()


def test_every_phase_has_its_words() -> None:
    page = _pages("dashboard/src/fr.ts").split("PHASES", 1)[1].split("\n}", 1)[0]
    assert dict(re.findall(r'^  (\w+): "(.+)",$', page, re.M)) == PHASES
    proto = (
        _pages("protos/passerelle/v1/operation.proto")
        .split("message OperationProgress", 1)[1]
        .split("string phase", 1)[0]
    )
    assert set(re.findall(r"`(\w+)`", proto)) == PHASES.keys()
    assert {phase.value for phase in LoadPhase} <= PHASES.keys()
    rows = re.findall(r"^\| `([a-z_]+)` \| .+ \|$", _pages("docs/moteurs.md").split("## vLLM", 1)[0], re.M)
    assert rows == [phase.value for phase in LoadPhase]


def test_every_reason_has_its_codes_and_its_cure() -> None:
    page = (ROOT / "docs" / "depannage.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| `([A-Z_]+)` \| (.+?) \| (.+) \|$", page, re.M)
    public = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert sorted(reason for reason, *_ in rows) == sorted(public - {"UNSPECIFIED"})
    written = {reason: (int(http), grpc) for reason, http, grpc, *_ in rows}
    assert written == {kind.reason: (codes.http, codes.grpc.name) for kind, codes in TABLE.items()}
    named = set(re.findall(r"`(PASSERELLE_[A-Z_]+)`", page))
    assert named <= set(re.findall(r"`(PASSERELLE_[A-Z_]+)`", _pages("docs/configuration.md", "docs/limites.md")))


def test_every_image_exists_is_light_and_is_shown() -> None:
    shown = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        described = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", text)
        described += [(alt, src) for src, alt in re.findall(r'<img src="([^"]+)"[^>]* alt="([^"]+)"', text)]
        assert len(described) == text.count("![") + text.count("<img"), f"{page.name} : une image sans texte"
        shown |= {(page.parent / target).resolve() for _, target in described}
    images = {path.resolve() for path in (ROOT / "docs" / "images").iterdir()}
    assert shown == images
    assert len(images) > 7
    heavy = {path.name: path.stat().st_size for path in images if path.stat().st_size > MAX_IMAGE_BYTES}
    assert not heavy


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
            found = page.parent / target if target else page
            assert found.exists(), f"{page.name} : {target}"
            if anchor:
                titles = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.M)
                assert anchor in {_anchor(title) for title in titles}, f"{page.name} : {target}#{anchor}"


def test_every_path_that_is_named_exists() -> None:
    named = [(page, path) for page in PAGES for path in re.findall(PATH, page.read_text(encoding="utf-8"))]
    assert len(named) > 60
    missing = {f"{page.name} : {path}" for page, path in named if not any(ROOT.glob(path.rstrip("/.")))}
    assert not missing


def test_the_table_of_imports_is_that_of_the_code() -> None:
    table = _pages("ARCHITECTURE.md").split("## Qui importe qui", 1)[1].split("```", 2)[1]
    server = ROOT / "server"
    rooms = {path.stem for path in server.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))} - {"__init__"}
    told = {room: right for left, right in re.findall(r"^([\w, ]+) → (.+)$", table, re.M) for room in left.split(", ")}
    told = {room.strip(): right for room, right in told.items()}
    assert told.keys() == rooms
    for room in rooms:
        pages = [server / f"{room}.py"] if (server / f"{room}.py").exists() else sorted((server / room).rglob("*.py"))
        code = "".join(page.read_text(encoding="utf-8") for page in pages)
        imported = set(re.findall(r"^ *(?:from|import) server\.(\w+)", code, re.M)) - {room}
        assert imported == set(re.findall(r"\w+", told[room])) & rooms - {room}, room


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", _pages("Makefile"), re.M))
    named = {name for page in PAGES for name in re.findall(MAKE, page.read_text(encoding="utf-8"), re.M)}
    assert len(named) > 8
    assert named <= targets


def _code(*folders: str) -> str:
    return "".join(path.read_text(encoding="utf-8") for name in folders for path in sorted((ROOT / name).rglob("*.py")))


def _variables() -> dict[str, str]:
    """Variables de docs/configuration.md, avec le défaut que leur ligne donne."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| (.+?) \|", _pages("docs/configuration.md"), re.M)
    return {name: default for names, default in rows for name in re.findall(r"[A-Z_]+", names)}


def _pages(*names: str) -> str:
    return "".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def _anchor(title: str) -> str:
    """Ancre que GitHub donne à un titre."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
