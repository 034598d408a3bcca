"""Un changement des modèles de cette machine : jugé, écrit d'un geste, pris par le serveur qui tourne, ou défait."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from passerelle.v1 import admin_pb2_grpc, model_pb2, model_verbs_pb2

from server.cli import show
from server.cli.admin import Session, check_succeeded, followed, patient
from server.cli.connection import CommandError, ServerAccess
from server.cli.findings import Finding, Level, write
from server.cli.fronts import ask_reload, reload_words
from server.cli.local import LocalServer, local_servers
from server.cli.machine_checks import read_machine
from server.cli.model_checks import preflight
from server.domain import ADDED_MODELS, worker_digest
from server.errors import InvalidRequest, InvalidState
from server.french import why
from server.settings import overlay
from server.settings.config import ADDED_MODELS_COPY, Config, load_config
from server.settings.profile import ConfigError, overlay_bytes
from server.tables import FieldRefused


@dataclass(frozen=True, slots=True)
class Site:
    """Le serveur de cette machine, en marche ou non, et le fichier des modèles qui lui sont ajoutés."""

    running: LocalServer | None
    environ: Mapping[str, str]
    config: Config
    """Sa configuration, sans ce fichier : un modèle refusé doit pouvoir en être retiré."""
    path: Path

    def with_content(self, content: bytes) -> Config:
        """Sa configuration, ce fichier tel qu'il deviendrait.

        Raises:
            ConfigError: champ refusé.
        """
        layers = self.config.layers.with_overlay(self.path, content)
        return replace(self.config, layers=layers, profile=layers.profile)


@contextlib.contextmanager
def this_machine() -> Iterator[Site]:
    """Ce que le serveur en marche relirait ; à défaut, ce que ce terminal lancerait."""
    found = local_servers()
    if len(found) > 1:
        raise CommandError(
            "plusieurs serveurs de cette machine sont à ce compte : HOST_PORT en choisit un.", reason="UNAVAILABLE"
        )
    running = found[0] if found else None
    environ = dict(running.environ if running is not None else os.environ)
    if running is not None and not environ:
        raise CommandError(f"l'environnement du serveur (processus {running.pid}) ne se lit pas.", reason="UNAVAILABLE")
    directory = running.directory if running is not None else None
    with contextlib.chdir(directory or "."), _told():
        config = load_config({**environ, ADDED_MODELS_COPY: os.devnull})
        named = environ.get(ADDED_MODELS_COPY, "").strip()
        yield Site(running, environ, config, Path(named) if named else config.state_dir / ADDED_MODELS)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Dit les refus à la forme de la ligne de commande."""
    try:
        yield
    except FieldRefused as error:
        fields = {"field": error.field, "expected": error.expected, "value": str(error.value)}
        metadata = {name: text for name, text in fields.items() if text}
        raise CommandError(str(error), reason=InvalidRequest.reason, metadata=metadata) from error
    except ConfigError as error:
        raise CommandError(str(error), reason=InvalidRequest.reason) from error
    except OSError as error:
        raise CommandError(f"{error.filename} : {why(error)}.") from error


def change(
    session: Session,
    site: Site,
    edit: Callable[[overlay.Draft], None],
    *,
    keys: Sequence[str] = (),
    leaving: str = "",
    unload: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Change le fichier, seul à le faire, et le fait relire ; refusé, il redevient ce qu'il était."""
    with contextlib.nullcontext() if dry_run else overlay.only_writer(site.path):
        if site.running is None and not dry_run:
            with _state(site):
                pass  # un dossier neuf reçoit ce que l'ancien tenait, modèles ajoutés compris
        before = overlay_bytes(site.path)
        draft = overlay.Draft(str(site.path), before)
        edit(draft)
        after = draft.render()
        config = site.with_content(after)
        findings = _preflight(site, config, after, tuple(keys)) if keys else []
        _judge(session, findings, force=force or dry_run)
        if dry_run:
            return {"checks": list(map(asdict, findings)), "reload": None}
        effects: list[str] = []
        if site.running is not None:
            if leaving and config.profile.model(leaving) is None:
                _leave(session, site, leaving, unload=unload)
            effects = list(_effects(session, site, before, config))
        done = _take(site, before, after)
    if not session.as_json:
        for line in effects:
            click.echo(line)
        said = "aucun serveur ne tourne : ce sera à son prochain démarrage" if done is None else reload_words(done)
        click.echo(f"{site.path} écrit ; {said}")
    return {"checks": list(map(asdict, findings)), "reload": done}


def _preflight(site: Site, config: Config, content: bytes, keys: tuple[str, ...]) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / ADDED_MODELS
        candidate.write_bytes(content)
        return preflight(config, {**site.environ, ADDED_MODELS_COPY: str(candidate)}, read_machine(), keys)


def _judge(session: Session, findings: Sequence[Finding], *, force: bool) -> None:
    failed = [one for one in findings if one.level is Level.FAILURE]
    if failed and not force:
        said = " ; ".join(f"{one.name} : {one.found}{f' → {one.advice}' if one.advice else ''}" for one in failed)
        raise CommandError(
            f"ne se chargerait pas ici. {said} (--force l'ajoute quand même)", reason=InvalidState.reason
        )
    if not session.as_json:
        for finding in findings:
            write(finding)


def _take(site: Site, before: bytes, after: bytes) -> dict[str, Any] | None:
    """Écrit, et fait relire au serveur qui tourne ; sans serveur, le dossier d'état est tenu le temps d'écrire."""
    if site.running is None:
        with _state(site):
            overlay.write(site.path, after)
        return None
    overlay.write(site.path, after)
    try:
        return ask_reload(site.running)
    except CommandError as error:
        overlay.write(site.path, before)
        raise CommandError(
            f"{error.message} (les modèles sont restés ce qu'ils étaient)", reason=error.reason
        ) from error


def _state(site: Site) -> contextlib.AbstractContextManager[None]:
    from server.roles.weights import state_held

    return state_held(site.config)


def _access(site: Site) -> ServerAccess:
    assert site.running is not None
    keys = (*site.config.admin_keys, *site.config.openai_keys)
    given = click.get_current_context().find_root().params.get("key")
    return ServerAccess(f"unix:{site.running.envoy}", admin_key=given or next(iter(keys), ""))


def _served(site: Site) -> dict[str, model_pb2.Model]:
    """Modèles du serveur en marche."""
    access = _access(site)
    with access.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        request = model_pb2.ListModelsRequest()
        found = patient(lambda: stub.ListModels(request, metadata=access.metadata(admin=True), timeout=30))
    return {model.key: model for model in found.models}


def _leave(session: Session, site: Site, key: str, *, unload: bool) -> None:
    """Refuse d'emporter ce qui sert, sauf si l'exploitant l'a demandé : déchargé, ses requêtes en cours ont fini."""
    model = _served(site).get(key)
    if model is None or not (model.replicas or model.HasField("operation")):
        return
    if not unload:
        running = sum(replica.running_requests for replica in model.replicas)
        requests = f", {running} requête{'s' * (running > 1)} en cours" if running else ""
        state = show.state(model_pb2.ModelState.Name(model.state))
        raise CommandError(
            f"« {key} » est en service ({state}{requests}) ; --unload le décharge d'abord, ses requêtes en cours "
            "finissent.",
            reason=InvalidState.reason,
            metadata={"model": key, "state": model_pb2.ModelState.Name(model.state)},
        )
    request = model_verbs_pb2.UnloadModelRequest(model=key)

    def ask(stub: Any, **call: Any) -> Any:
        return stub.UnloadModel(request, **call)

    check_succeeded(followed(_access(site), ask, quiet=session.as_json))


def _effects(session: Session, site: Site, before: bytes, config: Config) -> Iterator[str]:
    """Ce que le rechargement fera aux modèles chargés dont la description change."""
    if session.as_json:
        return
    try:
        former = {spec.key: spec for spec in site.with_content(before).profile.models}
    except ConfigError:
        return  # le serveur sert encore ce qu'il avait lu avant
    touched = [spec for spec in config.profile.models if spec.key in former and former[spec.key] != spec]
    served = _served(site) if touched else {}
    for spec in touched:
        if spec.key in served and served[spec.key].replicas:
            leaves = worker_digest(spec) != worker_digest(former[spec.key])
            back = "il finit ses requêtes et part ; il revient de lui-même si vous l'aviez chargé, sinon à la suivante"
            what = back if leaves else "il continue de servir"
            yield f"{spec.key} est chargé : {what}"
