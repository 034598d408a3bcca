"""`passerelle fetch` et `passerelle weights` : les poids téléchargés, exportés, importés et relus, sans serveur."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from server.cli import show
from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.models import model_keys
from server.cli.weights_process import Steps, failure_of, follow
from server.domain import ModelSpec
from server.errors import PasserelleError
from server.events import Event
from server.settings.config import Config, load_config
from server.settings.profile import ConfigError

MANIFEST = "passerelle-weights.json"
"""Manifeste d'un modèle dans un dossier d'export."""

_REFUSED, _DAMAGED, _DISK, _NETWORK = 2, 3, 4, 5
_CODES = {
    "MODEL_NOT_FOUND": _REFUSED,
    "INVALID_REQUEST": _REFUSED,
    "INTEGRITY_MISMATCH": _DAMAGED,
    "DISK_FULL": _DISK,
    "HUB_UNREACHABLE": _NETWORK,
}
"""Codes de sortie de chaque motif ; 1 pour tout autre échec."""

_STATES = {
    "present": "déjà là",
    "fetched": "téléchargés et vérifiés",
    "repaired": "repris et vérifiés",
    "exported": "exportés",
    "imported": "importés et vérifiés",
    "whole": "relus et entiers",
}
_TOLD = ("state", "bytes", "commit", "changed", "manifest")

_MODELS = click.argument("models", nargs=-1, metavar="[MODÈLE]…", shell_complete=model_keys)
_FROM = click.Path(exists=True, file_okay=False, path_type=Path)
_INTO = click.Path(file_okay=False, path_type=Path)


@click.command(help="Télécharge et vérifie des poids du profil, sans serveur ; reprend où un autre essai en était.")
@_MODELS
@click.option("--all", "every", is_flag=True, help="Tous les modèles du profil.")
@click.option("--recheck", is_flag=True, help="Relit aussi ce qui est déjà là, et reprend ce qui a changé.")
@click.pass_obj
def fetch(session: Session, models: tuple[str, ...], every: bool, recheck: bool) -> None:
    """Le processus, les verrous et les vérifications sont ceux d'un téléchargement du serveur."""
    if every == bool(models):
        raise click.UsageError("Nommez des modèles, ou donnez --all.")
    options = ("--recheck",) if recheck else ()
    _each(session, _chosen(_config(), models), lambda key: ("download", "--key", key, *options))


@click.group(
    subcommand_metavar="VERBE [ARGUMENTS]…",
    help="Poids du profil, sans serveur : télécharger, exporter, importer, relire.",
)
def weights() -> None:
    """Chaque verbe agit sur les dossiers que disent les variables."""


@weights.command("export", help="Copie et vérifie des poids dans un dossier, pour un site sans réseau.")
@click.argument("folder", type=_INTO, metavar="DOSSIER")
@_MODELS
@click.option("--all", "every", is_flag=True, help="Tous les modèles du profil.")
@click.pass_obj
def export(session: Session, folder: Path, models: tuple[str, ...], every: bool) -> None:
    """Écrit l'empreinte de chaque manifeste : elle voyage mieux à part que dans le dossier."""
    if every == bool(models):
        raise click.UsageError("Nommez des modèles, ou donnez --all.")
    command = ("weights", "export", "--folder", str(folder.absolute()))
    _each(session, _chosen(_config(), models), lambda key: (*command, "--key", key))


@weights.command(
    "import", help="Vérifie puis met en cache les poids d'un dossier d'export ; tous ceux qu'il a, sans nom."
)
@click.argument("folder", type=_FROM, metavar="DOSSIER")
@_MODELS
@click.option(
    "--expect", multiple=True, metavar="SHA256", help="Empreinte d'un manifeste, dite par l'export ; se répète."
)
@click.pass_obj
def bring(session: Session, folder: Path, models: tuple[str, ...], expect: tuple[str, ...]) -> None:
    """Rien du dossier n'est cru : ni chemin, ni lien, ni contenu."""
    config = _config()
    command = ("weights", "import", "--folder", str(folder.absolute()))
    expected = tuple(part for digest in expect for part in ("--expect", digest.lower()))
    specs = _chosen(config, models) if models else _held(config, folder)
    _each(session, specs, lambda key: (*command, "--key", key, *expected))


@weights.command("verify", help="Relit tout, et dit quel fichier est abîmé ou manque ; sans nom, tous les modèles.")
@_MODELS
@click.option("--from", "folder", type=_FROM, metavar="DOSSIER", help="Un dossier d'export, plutôt que le cache.")
@click.pass_obj
def verify(session: Session, models: tuple[str, ...], folder: Path | None) -> None:
    """Ne répare rien : `fetch --recheck` le fait."""
    config = _config()
    specs = _held(config, folder) if folder and not models else _chosen(config, models)
    inside = ("--folder", str(folder.absolute())) if folder else ()
    _each(session, specs, lambda key: ("weights", "verify", "--key", key, *inside))


weights.add_command(fetch)
VERBS = (fetch, export, bring, verify)


class _Refused(CommandError):
    exit_code = _REFUSED


class _Interrupted(CommandError):
    exit_code = 130


def _config() -> Config:
    try:
        return load_config()
    except ConfigError as error:
        raise _Refused(str(error), reason="INVALID_STATE") from error


def _chosen(config: Config, names: Sequence[str]) -> list[ModelSpec]:
    """Modèles nommés, une fois chacun ; tous ceux du profil si aucun ne l'est."""
    found = {}
    for name in names or [spec.key for spec in config.profile.models]:
        spec = config.profile.model(name)
        if spec is None:
            known = ", ".join(model.key for model in config.profile.models)
            raise _Refused(
                f"le modèle « {name} » n'est pas dans le profil {config.profile.name} ({known}).",
                reason="MODEL_NOT_FOUND",
            )
        found[spec.key] = spec
    return list(found.values())


def _held(config: Config, folder: Path) -> list[ModelSpec]:
    """Modèles du profil que tient un dossier d'export ; les autres sont dits, et laissés."""
    found = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise _Refused(
            f"« {folder} » n'est pas un dossier d'export : aucun {MANIFEST} n'y est.", reason="INVALID_REQUEST"
        )
    known = {spec.key: spec for spec in config.profile.models}
    left = [name for name in found if name not in known]
    if left:
        click.echo(f"  pas dans le profil {config.profile.name}, laissés : {', '.join(left)}", err=True)
    if len(left) == len(found):
        raise _Refused(
            f"aucun modèle de « {folder} » n'est dans le profil {config.profile.name}.", reason="MODEL_NOT_FOUND"
        )
    return [known[name] for name in found if name in known]


def _each(session: Session, specs: Sequence[ModelSpec], command: Callable[[str], Sequence[str]]) -> None:
    """Mène chaque modèle ; l'échec de l'un ne retient pas les autres, et le premier donne le code de sortie."""
    code = 0
    for spec in specs:
        steps = Steps(spec.key, quiet=session.as_json)
        try:
            done = follow(command(spec.key), os.environ, steps)
            steps.close()
            _check(spec.key, done)
        except (PasserelleError, CommandError) as error:
            steps.close()
            failure = failure_of(error)
            code = code or _CODES.get(failure["reason"], 1)
            if session.as_json:
                _line({"model": spec.key, "state": "failed", "error": failure})
            else:
                CommandError(f"{spec.key} : {failure['message']}", reason=failure["reason"]).show()
            continue
        except KeyboardInterrupt:
            raise _Interrupted(f"{spec.key} : interrompu ; relancez pour reprendre.", reason="CANCELLED") from None
        if session.as_json:
            _line({"model": spec.key, **{name: done[name] for name in _TOLD if name in done}})
        else:
            click.echo(f"{spec.key} : {', '.join(_words(done))}")
    if code:
        raise click.exceptions.Exit(code)


def _words(done: Event) -> Iterator[str]:
    yield f"{show.size(done['bytes'])} {_STATES[done['state']]}"
    if done.get("changed"):
        yield " ".join(done["changed"])
    if done["commit"]:
        yield f"commit {done['commit']}"
    if "manifest" in done:
        yield f"manifeste {done['manifest']}"


def _check(key: str, done: Event) -> None:
    """Ce qu'une relecture a trouvé de mal.

    Raises:
        CommandError: fichiers abîmés ou manquants, ou poids jamais téléchargés.
    """
    changed, missing = done.get("changed", []), done.get("missing", [])
    if done["state"] != "damaged":
        return
    parts = [f"{word} : {', '.join(names)}" for word, names in (("abîmés", changed), ("manquants", missing)) if names]
    found = " ; ".join(parts) or "les poids ne sont pas entiers ici"
    raise CommandError(f"{found}. « passerelle fetch {key} --recheck » les reprend.", reason="INTEGRITY_MISMATCH")


def _line(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
