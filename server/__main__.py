"""La ligne de commande, et le seul endroit qui compose : il lit la configuration et en fait les réglages de chacun.

`python -m server serve` lance le produit ; les autres rôles sont ceux de ses processus.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.domain import ModelSpec
from server.french import speak_french
from server.settings.config import DEFAULT_PROFILE, Config, load_config, load_settled
from server.settings.file import VARIABLE as SETTINGS_FILE
from server.settings.file import settle
from server.settings.profile import PROFILES_DIR, ConfigError, profile_path

if TYPE_CHECKING:
    from server.named_keys import KeyTable
    from server.supervisor.main import Reloaded

ROOT = Path(__file__).resolve().parents[1]
MAX_FRAME_BYTES = 80 * 1024 * 1024
"""Octets d'une trame de la liaison, au moins."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Joue un rôle ; rend le code de sortie."""
    options = _parser().parse_args(arguments)
    if options.role == "serve":
        return _serve()
    try:
        config = load_config()
    except ConfigError as error:
        return _refused(error)
    if options.role == "download":
        return _download(config, options.key, found_only=options.found_only)
    if options.role == "verify":
        return _verify(config, deep=options.deep)
    from server.rpc.logs import configure_logging

    name = options.role
    if name == "front":
        name = f"front-{options.index}"
    elif name == "worker":
        name = f"{options.key}-{options.replica}"
    configure_logging(name)
    if config.run_dir is None:
        print("PASSERELLE_RUN_DIR manque : ce rôle est lancé par « python -m server serve ».", file=sys.stderr)
        return 2
    match options.role:
        case "control":
            return _control(config, config.run_dir)
        case "front":
            _front(config, config.run_dir, options.index)
        case "dashboard":
            _dashboard(config, config.run_dir)
        case "worker":
            return _worker(config, config.run_dir, options.key, options.replica, options.options)
    return 0


def _parser() -> argparse.ArgumentParser:
    speak_french()
    parser = argparse.ArgumentParser(prog="python -m server", description="Passerelle : un rôle par processus.")
    roles = parser.add_subparsers(dest="role", required=True, metavar="rôle")
    roles.add_parser("serve", help="lance le produit entier")
    roles.add_parser("control", help="plan de contrôle (lancé par serve)")
    front = roles.add_parser("front", help="front (lancé par serve)")
    front.add_argument("--index", type=int, required=True)
    roles.add_parser("dashboard", help="tableau de bord (lancé par serve)")
    worker = roles.add_parser("worker", help="exemplaire d'un modèle (lancé par le plan de contrôle)")
    worker.add_argument("--key", required=True)
    worker.add_argument("--replica", type=int, required=True)
    worker.add_argument("--options", type=json.loads, default={}, help="options du moteur changées, en JSON")
    verify = roles.add_parser("verify", help="dit en JSON ce que le disque tient de chaque modèle du profil")
    verify.add_argument("--deep", action="store_true", help="relit chaque fichier")
    download = roles.add_parser("download", help="télécharge les poids d'un modèle du profil")
    download.add_argument("--key", required=True)
    download.add_argument("--found-only", action="store_true", help="vérifie ce qui est déjà là, sans télécharger")
    return parser


def _refused(error: ConfigError) -> int:
    print(f"Configuration refusée : {error}", file=sys.stderr)
    return 2


def _serve() -> int:
    from server.control.record.state_dir import StateDir, StateRefused
    from server.control.weights.cache import WeightsRefused, check_folder
    from server.rpc.logs import configure_logging
    from server.settings.config import STATE_FOLDER
    from server.settings.tokens import check_tokens

    try:
        installed = _installed()
        check_tokens(installed.config.tokens)
    except ConfigError as error:
        return _refused(error)
    config = installed.config
    configure_logging("supervisor", level="WARNING")
    try:
        warnings = check_folder(config.cache_dir)
        with StateDir(config.state_dir, config.cache_dir / STATE_FOLDER) as state:
            return _supervise(installed, [*warnings, *state.warnings])
    except (StateRefused, WeightsRefused) as error:
        print(f"Passerelle ne démarre pas : {error}", file=sys.stderr)
        return 2


@dataclass(frozen=True, slots=True)
class _Installed:
    """Configuration en vigueur, et ce que les enfants en reçoivent."""

    config: Config
    environ: dict[str, str]
    profile: tuple[str, bytes] | None
    """Nom et contenu du fichier de profil de l'exploitant : ses enfants n'en lisent que cette copie."""


def _installed() -> _Installed:
    """Lit l'environnement, le fichier de réglages et le profil.

    Raises:
        ConfigError: l'un d'eux est refusé.
    """
    settled = settle(os.environ)
    config = load_settled(settled)
    path = profile_path(settled.values.get("PASSERELLE_PROFILE", "").strip() or DEFAULT_PROFILE)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])
    environ = {**settled.values, "PYTHONPATH": paths}
    environ.pop(SETTINGS_FILE, None)
    return _Installed(config, environ, None if path.parent == PROFILES_DIR else (path.name, path.read_bytes()))


def _supervise(installed: _Installed, warnings: list[str]) -> int:
    from server.settings.advertise import announced, answered_hosts
    from server.settings.tokens import authorities_file
    from server.supervisor.envoy import EnvoySettings
    from server.supervisor.envoy_tokens import TokenSource
    from server.supervisor.main import SupervisorSettings, run
    from server.supervisor.tls import TlsFiles

    descriptor = ROOT / "gen" / "envoy.binpb"
    config = installed.config
    tokens = config.tokens
    warnings.extend(config.unknown)
    if not config.keyed:
        who = "toute cette machine" if config.local else "tout le réseau"
        warnings.append(
            f"aucune clé (OPENAI_KEYS, « passerelle keys create ») et une écoute sur {config.bind} : {who} peut se "
            "servir de ce serveur."
        )
    return run(
        SupervisorSettings(
            command=(sys.executable, "-m", "server"),
            environ=installed.environ,
            profile=installed.profile,
            reload=_reloader(installed),
            envoy=EnvoySettings(
                run_dir=config.run_base,
                bind=config.bind,
                port=config.port,
                fronts=config.fronts,
                concurrency=config.envoy_concurrency,
                descriptor=descriptor,
                max_json_body_bytes=config.limits.max_json_body_bytes,
                max_admin_body_bytes=config.limits.max_admin_body_bytes,
                max_upload_bytes=config.limits.max_upload_bytes,
                max_stream_duration_seconds=config.limits.max_stream_duration_seconds,
                max_body_silence_seconds=config.limits.max_body_silence_seconds,
                max_envoy_heap_bytes=config.limits.max_envoy_heap_bytes,
                max_concurrent_streams=config.limits.max_concurrent_streams,
                max_total_open_calls=config.limits.max_total_open_calls,
                trusted_hops=config.trusted_hops,
                allowed_origins=config.allowed_origins,
                answered_hosts=answered_hosts(config),
                grpc_compression=config.grpc_compression,
                tls=config.tls_cert is not None,
                client_certificates=config.tls_client_ca is not None,
                tokens=TokenSource(
                    issuer=tokens.issuer,
                    audiences=tokens.audiences,
                    url=tokens.jwks_url,
                    authorities=authorities_file(tokens) if tokens.jwks_url.startswith("https:") else None,
                    refresh_seconds=tokens.refresh_seconds,
                    timeout_seconds=tokens.timeout_seconds,
                    clock_skew_seconds=tokens.clock_skew_seconds,
                )
                if tokens is not None
                else None,
            ),
            run_base=config.run_base,
            stop_grace=config.stop_grace,
            drain_seconds=config.drain_seconds,
            watchdog_seconds=config.watchdog_seconds,
            restart_pause=config.restart_pause,
            public_urls=tuple(address.url("/") for address in announced(config)),
            warnings=tuple(warnings),
            tls=TlsFiles(config.tls_cert, config.tls_key, config.tls_client_ca)
            if config.tls_cert and config.tls_key
            else None,
            log_forward=config.log_forward,
        )
    )


def _reloader(installed: _Installed) -> Callable[[], "Reloaded | None"]:
    """Ce que relire les réglages demande au superviseur ; `None` quand rien n'a changé."""
    from server.settings.changes import change
    from server.supervisor.main import Reloaded
    from server.supervisor.socket import ReloadRefused

    current = installed

    def reload() -> Reloaded | None:
        nonlocal current
        try:
            found = _installed()
            wanted = change(current.config, found.config)
        except (ConfigError, OSError) as error:
            raise ReloadRefused(str(error)) from error
        if (found.environ, found.profile) == (current.environ, current.profile):
            return None
        current = found
        return Reloaded(
            found.environ,
            found.profile,
            fronts=wanted.fronts,
            dashboard=wanted.dashboard,
            warnings=found.config.unknown,
        )

    return reload


def _control(config: Config, run_dir: Path) -> int:
    from server.control.gpu.board import MIB, BoardSettings
    from server.control.main import ControlSettings, run
    from server.control.record.schema import JOURNAL
    from server.engines.chat_tables import announced
    from server.rpc.routes import endpoints
    from server.settings.advertise import announced as announced_addresses
    from server.settings.environments import interpreter

    settings = ControlSettings(
        run_dir=run_dir,
        profile=config.profile,
        limits=config.limits,
        cache_dir=config.cache_dir,
        state_path=config.state_dir / JOURNAL,
        weights_dir=config.weights_dir,
        hub_caches=config.hub_caches,
        endpoints=endpoints(announced_addresses(config)),
        worker_command=lambda spec, replica: (
            *(interpreter(spec, config.envs_dir), "-m", "server", "worker"),
            *("--key", spec.key, "--replica", str(replica), *_changed_options(config, spec)),
        ),
        download_command=(sys.executable, "-m", "server", "download", "--key"),
        environ=dict(os.environ),
        load_all=not config.lazy_load,
        restore_attempts=config.restore_attempts,
        restore_pause=config.restore_pause,
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=_named_keys(config, run_dir),
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
        grpc_compression=config.grpc_compression,
        max_frame_bytes=_frame_bytes(config),
        fields=announced,
        stop_grace=config.stop_grace,
        gpus=BoardSettings(tolerance_bytes=round(config.release_tolerance * MIB), release_wait=config.release_wait),
        gpu_lists=config.gpu_lists,
    )
    # Pas uvloop : un téléchargement lancé sous lui est mort une fois du signal 11 ; son fork, à côté des fils de gRPC,
    # est le suspect, et asyncio emploie vfork. Ce processus n'est pas sur le chemin des données.
    return asyncio.run(run(settings))


def _named_keys(config: Config, run_dir: Path) -> "KeyTable":
    from server.named_keys import KEYS, KeyTable

    return KeyTable(run_dir / KEYS, config.state_dir / KEYS)


def _changed_options(config: Config, spec: ModelSpec) -> list[str]:
    """Arguments qui disent à un exemplaire les options changées depuis le profil."""
    known = config.profile.model(spec.key)
    before = known.options if known is not None else {}
    changed = {name: value for name, value in spec.options.items() if before.get(name) != value}
    return ["--options", json.dumps(changed)] if changed else []


def _front(config: Config, run_dir: Path, index: int) -> None:
    import uvloop

    from server.front.main import FrontSettings, run
    from server.settings.build import commit_of

    settings = FrontSettings(
        name=f"front-{index}",
        address=f"unix:{run_dir / f'front-{index}.sock'}",
        control_address=f"unix:{run_dir / 'control.sock'}",
        limits=config.limits,
        spool_dir=run_dir / "spool",
        control_log=run_dir / "logs" / "control.log",
        build=config.build or commit_of(ROOT),
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=_named_keys(config, run_dir),
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
        shares=_shares(config),
        grpc_compression=config.grpc_compression,
        max_frame_bytes=_frame_bytes(config),
        drain_delay=config.drain_seconds,
        stop_grace=config.stop_grace,
    )
    uvloop.run(run(settings))


def _shares(config: Config) -> dict[str, int]:
    """Parts des réglages, par l'étiquette que chaque appelant aura."""
    from server.rpc.caller import key_label
    from server.rpc.tokens import owner_label
    from server.settings.shares import TOKEN_OWNER

    issuer = config.tokens.issuer if config.tokens is not None else ""

    def label(name: str) -> str:
        if name.startswith(TOKEN_OWNER):
            return owner_label(issuer, name.removeprefix(TOKEN_OWNER))
        return key_label(int(name) - 1) if name.isdigit() else name

    return {label(name): share for name, share in config.shares.items()}


def _dashboard(config: Config, run_dir: Path) -> None:
    from server import __version__
    from server.web.main import WebSettings, run

    settings = WebSettings(
        socket_path=run_dir / "dashboard.sock",
        dist_dir=ROOT / "dashboard" / "dist",
        config={
            "profile": config.profile.name,
            "notice": config.profile.notice,
            "version": __version__,
        },
        stop_grace=config.stop_grace,
        grpc_address=f"unix:{run_dir / 'envoy-local.sock'}",
        limits=config.limits,
        openai_keys=config.openai_keys,
        admin_keys=config.admin_keys,
        named_keys=_named_keys(config, run_dir),
        allowed_origins=config.allowed_origins,
        tokens=config.tokens,
    )
    asyncio.run(run(settings))


def _worker(config: Config, run_dir: Path, key: str, replica: int, changed: Mapping[str, Any]) -> int:
    import uvloop

    from server.control.weights.cache import model_dir
    from server.engines.base import EngineSpec, TrialBounds
    from server.engines.registry import engine_factory
    from server.settings.environments import activate
    from server.worker.main import WorkerSettings, run

    spec = config.profile.model(key)
    if spec is None:
        print(f"--key : le modèle « {key} » n'est pas dans le profil {config.profile.name}.", file=sys.stderr)
        return 2
    activate()
    name = f"{key}-{replica}"
    settings = WorkerSettings(
        worker_id=name,
        engine=engine_factory(spec.engine),
        spec=EngineSpec(
            model_key=key,
            model_dir=model_dir(config.cache_dir, spec),
            options={**spec.options, **changed},
            threads=config.threads,
            device="cuda" if spec.requires_gpu else "cpu",
            trials=TrialBounds(config.limits.max_grammar_seconds, config.limits.max_grammar_memory_bytes),
        ),
        socket_path=run_dir / f"{name}.sock",
        status_path=run_dir / f"{name}.status.jsonl",
        max_waiting=spec.max_waiting,
        max_frame_bytes=_frame_bytes(config),
        stop_grace=config.stop_grace,
        spool_dir=run_dir / "spool",
        limits=config.limits,
        freeze_heap=True,
    )
    code = uvloop.run(run(settings))
    # Défaire torch et vLLM prend à l'interpréteur jusqu'à des dizaines de secondes, la mémoire du GPU toujours prise ;
    # tout est fermé, et la fin du processus rend le reste.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _download(config: Config, key: str, *, found_only: bool) -> int:
    from server.control.weights.download_process import run
    from server.control.weights.fetching import DownloadSettings
    from server.rpc.logs import configure_logging

    configure_logging(f"download-{key}")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # ses lignes portent des adresses signées
    spec = config.profile.model(key)
    if spec is None:
        print(f"--key : le modèle « {key} » n'est pas dans le profil {config.profile.name}.", file=sys.stderr)
        return 2
    return run(
        DownloadSettings(
            spec=spec,
            cache_dir=config.cache_dir,
            weights_dir=config.weights_dir,
            endpoint=config.hf_endpoint,
            token=config.hf_token,
            hub_caches=config.hub_caches,
            streams=config.download_streams,
            attempts=config.download_attempts,
            found_only=found_only,
        )
    )


def _verify(config: Config, *, deep: bool) -> int:
    from server.control.weights.verify import survey

    for spec in config.profile.models:
        print(json.dumps(survey(config.cache_dir, spec, deep=deep)), flush=True)
    return 0


def remove_weights(key: str, *, old_only: bool, dry_run: bool) -> Any:
    """Retire des poids sans serveur ; le dossier d'état, tenu le temps du retrait, dit qu'aucun ne s'en sert.

    Raises:
        ConfigError: configuration refusée, ou dossier d'état tenu par un serveur.
        PasserelleError: modèle inconnu, poids qu'on ne peut que lire ou qui se téléchargent.
    """
    from server.control.record.state_dir import StateDir, StateRefused
    from server.control.services.messages import to_removal
    from server.control.weights.removal import erase, revisions, set_aside
    from server.errors import ModelNotFound
    from server.settings.config import STATE_FOLDER

    config = load_config()
    spec = config.profile.model(key)
    if spec is None:
        known = ", ".join(model.key for model in config.profile.models)
        raise ModelNotFound(
            f"Le modèle « {key} » n'est pas dans le profil {config.profile.name} ({known}) ; aucun serveur ne répond.",
            metadata={"field": "model", "value": key},
        )
    found = revisions(config.cache_dir, spec, old_only=old_only)
    if found and not dry_run:
        try:
            with StateDir(config.state_dir, config.cache_dir / STATE_FOLDER):
                erase(set_aside(spec.key, found))
        except StateRefused as error:
            raise ConfigError(str(error)) from error
    return to_removal(found)


def _frame_bytes(config: Config) -> int:
    return max(MAX_FRAME_BYTES, config.limits.max_json_body_bytes + 1024 * 1024)


if __name__ == "__main__":
    sys.exit(main())
