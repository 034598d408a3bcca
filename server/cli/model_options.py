"""Ce que `models add` dit d'un modèle, mis à la forme d'un bloc `[[models]]` du profil."""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from server.domain import Capability, ModelSpec
from server.settings.profile import check_model, check_twice, read_toml
from server.tables import FieldRefused, read_table, refusal

_SIMPLE = (str, bool, int, float, list, dict)
_LOCAL_REVISION = 12
"""Caractères de l'empreinte qui nomment la révision de fichiers d'ici."""


def described(command: Callable[..., Any]) -> Callable[..., Any]:
    """Ajoute à un verbe les options qui décrivent un modèle."""
    options = (
        click.option("--capability", type=click.Choice([one.value for one in Capability]), help="Ce qu'il sait faire."),
        click.option("--engine", metavar="MOTEUR", help="Moteur livré, ou paquet.module:fonction."),
        click.option("--hub", metavar="ORGANISATION/NOM", help="Ses poids : un dépôt Hugging Face."),
        click.option(
            "--package", metavar="PAQUETS", help="Ses poids : des paquets installés, fichier par fichier (--file)."
        ),
        click.option(
            "--file", "files", metavar="NOM=MORCEAU[,MORCEAU…]", multiple=True, help="Fichier de --package ; se répète."
        ),
        click.option(
            "--path",
            type=click.Path(exists=True, path_type=Path),
            help="Ses poids : un fichier ou un dossier d'ici, recopié dans le cache.",
        ),
        click.option("--revision", metavar="RÉVISION", help="Commit, étiquette, branche ou version."),
        click.option("--name", metavar="NOM", help="Nom à montrer ; sinon la clé."),
        click.option("--alias", "aliases", metavar="NOM", multiple=True, help="Autre nom à demander ; se répète."),
        click.option("--gpu", "gpus", type=click.IntRange(0), multiple=True, help="GPU préféré ; se répète."),
        click.option("--cpu", is_flag=True, help="Sur le processeur."),
        click.option("--option", "options", metavar="NOM=VALEUR", multiple=True, help="Option du moteur ; se répète."),
        click.option(
            "--set",
            "fields",
            metavar="CHAMP=VALEUR",
            multiple=True,
            help="Tout autre champ de docs/profil.md, « memory.working_gib=4 » par exemple ; se répète.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def block(key: str, given: Mapping[str, Any], weights_dir: Path) -> dict[str, Any]:
    """Bloc `[[models]]` de ces options ; ce qu'elles ne disent pas a le défaut du profil.

    Raises:
        click.UsageError: options qui ne vont pas ensemble.
        OSError: fichier de poids qui ne se lit pas.
    """
    found: dict[str, Any] = {"key": key, "display_name": given["name"] or key}
    for name in ("capability", "engine"):
        if given[name]:
            found[name] = given[name]
    for name in ("aliases", "gpus"):
        if given[name]:
            found[name] = list(given[name])
    if given["cpu"]:
        found["requires_gpu"] = False
    source = _source(given, weights_dir)
    if source:
        found["source"] = source
    for text in given["options"]:
        name, value = _pair("--option", text)
        found.setdefault("options", {})[name] = value
    for text in given["fields"]:
        name, value = _pair("--set", text)
        *tables, last = name.split(".")
        place = found
        for table in tables:
            place = place.setdefault(table, {})
            if not isinstance(place, dict):
                raise click.UsageError(f"--set : « {name} » : {table} n'est pas une table.")
        place[last] = value
    return found


def blocks(path: Path, key: str | None) -> list[dict[str, Any]]:
    """Blocs `[[models]]` d'un fichier de profil, ou celui d'une clé.

    Raises:
        ConfigError: fichier illisible, champ refusé, ou aucun modèle de cette clé.
    """
    content = path.read_bytes()
    found = read_toml(path.name, content).get("models", [])
    if not isinstance(found, list):
        raise refusal(f"{path.name}.models", "une liste de tables", found)
    specs = tuple(checked(f"{path.name}.models[{index}]", one) for index, one in enumerate(found))
    check_twice(path.name, specs)
    kept = [one for one in found if key is None or one["key"] == key]
    if not kept:
        expected = f"un modèle de clé « {key} »" if key else "au moins un modèle ([[models]])"
        known = ", ".join(one["key"] for one in found) or "aucun"
        raise FieldRefused(f"{path.name}.models", f"{expected} est attendu, trouvés : {known}", expected)
    return kept


def checked(where: str, model: Mapping[str, Any]) -> ModelSpec:
    """Modèle qu'un bloc décrit, jugé comme dans un profil.

    Raises:
        ConfigError: champ inconnu, manquant ou refusé.
    """
    spec = read_table(where, model, ModelSpec)
    check_model(where, spec)
    return spec


def _source(given: Mapping[str, Any], weights_dir: Path) -> dict[str, Any]:
    kinds = [name for name in ("hub", "package", "path") if given[name]]
    if len(kinds) > 1:
        raise click.UsageError(f"--{kinds[0]} et --{kinds[1]} ne vont pas ensemble.")
    if given["files"] and kinds != ["package"]:
        raise click.UsageError("--file ne va qu'avec --package.")
    revision = {"revision": given["revision"]} if given["revision"] else {}
    match kinds:
        case ["hub"]:
            return {"kind": "hub", "repository": given["hub"], **revision}
        case ["package"]:
            files = [_file(text, weights_dir) for text in given["files"]]
            return {"kind": "package", "repository": given["package"], **revision, "files": files}
        case ["path"]:
            return _local(given["path"].resolve(), revision)
    return revision


def _file(text: str, weights_dir: Path) -> dict[str, Any]:
    name, _, parts = text.partition("=")
    if not name or not parts:
        raise click.UsageError(f"--file : « {text} » ; NOM=MORCEAU[,MORCEAU…] est attendu.")
    found = parts.split(",")
    return {"name": name, "parts": found, "sha256": _digest(weights_dir / part for part in found)}


def _local(path: Path, revision: Mapping[str, str]) -> dict[str, Any]:
    """Fichiers d'ici : leurs empreintes, dites une fois, tiennent lieu de révision si aucune n'est donnée."""
    paths = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    files = [{"name": str(one.relative_to(root)), "parts": [str(one)], "sha256": _digest([one])} for one in paths]
    whole = hashlib.sha256("".join(f"{one['name']}\0{one['sha256']}\n" for one in files).encode()).hexdigest()
    return {"kind": "package", "repository": path.name, "revision": whole[:_LOCAL_REVISION], **revision, "files": files}


def _digest(parts: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _pair(option: str, text: str) -> tuple[str, Any]:
    name, equal, value = text.partition("=")
    if not name or not equal:
        raise click.UsageError(f"{option} : « {text} » ; NOM=VALEUR est attendu.")
    return name, _value(value)


def _value(text: str) -> Any:
    """Valeur TOML ; ce qui n'en est pas une est un texte, que personne ne tape entre guillemets."""
    try:
        found = tomllib.loads(f"valeur = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = found["valeur"]
    return value if len(found) == 1 and isinstance(value, _SIMPLE) else text
