"""Le superviseur : la configuration qu'il lit, relit, et donne à ses enfants."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from server.control.record.state_dir import StateDir, StateRefused
from server.control.weights.cache import WeightsRefused, check_folder
from server.roles.shared import ROOT, refused
from server.rpc.logs import LEVEL_FILE, configure_logging, follow_level
from server.settings.advertise import announced, answered_hosts
from server.settings.changes import change
from server.settings.config import ADDED_MODELS_COPY, STATE_FOLDER, Config, load_settled
from server.settings.file import VARIABLE as SETTINGS_FILE
from server.settings.file import settle
from server.settings.profile import PROFILES_DIR, ConfigError
from server.settings.secrets import check_keys_file
from server.settings.tokens import authorities_file, check_tokens
from server.supervisor.envoy import EnvoySettings
from server.supervisor.envoy_tokens import TokenSource
from server.supervisor.main import Reloaded, SupervisorSettings, run
from server.supervisor.socket import ReloadRefused
from server.supervisor.tls import TlsFiles


def serve() -> int:
    """Lance le produit entier ; rend le code de sortie."""
    try:
        installed = _installed()
        check_tokens(installed.config.tokens)
    except ConfigError as error:
        return refused(error)
    config = installed.config
    # Sa sortie est le terminal de qui le lance.
    level = "WARNING" if config.log_level == "INFO" else config.log_level
    configure_logging("supervisor", level=level, text=config.log_format == "texte")
    try:
        warnings = check_folder(config.cache_dir)
        with StateDir(config.state_dir, config.cache_dir / STATE_FOLDER) as state:
            return _supervise(_installed() if state.brought else installed, [*warnings, *state.warnings])
    except ConfigError as error:
        return refused(error)
    except (StateRefused, WeightsRefused) as error:
        print(f"Passerelle ne démarre pas : {error}", file=sys.stderr)
        return 2


@dataclass(frozen=True, slots=True)
class _Installed:
    """Configuration en vigueur, et ce que les enfants en reçoivent."""

    config: Config
    environ: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    """Fichiers des modèles, nom et contenu, par variable : les enfants n'en lisent que cette copie."""


def _installed() -> _Installed:
    """Lit l'environnement, le fichier de réglages et le profil.

    Raises:
        ConfigError: l'un d'eux est refusé.
    """
    settled = settle(os.environ)
    config = load_settled(settled)
    check_keys_file(config.keys_file)
    layers = config.layers
    files = {} if layers.path.parent == PROFILES_DIR else {"PASSERELLE_PROFILE": (layers.path.name, layers.content)}
    # Vide aussi : sans copie, un enfant lirait le fichier que l'exploitant est en train de changer.
    files[ADDED_MODELS_COPY] = (layers.overlay_path.name, layers.overlay_content)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])
    environ = {**settled.values, "PYTHONPATH": paths}
    environ.pop(SETTINGS_FILE, None)
    return _Installed(config, environ, files)


def _supervise(installed: _Installed, warnings: list[str]) -> int:
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
            files=installed.files,
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
                traces=config.traces.ratio if config.traces is not None else None,
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
            log_forward=config.log_format if config.log_forward else None,
            on_born=lambda run_dir: follow_level(run_dir / LEVEL_FILE, logging.getLevelName(logging.root.level)),
        )
    )


def _reloader(installed: _Installed) -> Callable[[], Reloaded | None]:
    """Ce que relire les réglages demande au superviseur ; `None` quand rien n'a changé."""
    current = installed

    def reload() -> Reloaded | None:
        nonlocal current
        try:
            found = _installed()
            wanted = change(current.config, found.config)
        except (ConfigError, OSError) as error:
            raise ReloadRefused(str(error)) from error
        if (found.environ, found.files) == (current.environ, current.files):
            return None
        current = found
        return Reloaded(
            found.environ,
            found.files,
            fronts=wanted.fronts,
            dashboard=wanted.dashboard,
            warnings=found.config.unknown,
        )

    return reload
