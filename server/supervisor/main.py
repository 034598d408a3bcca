"""Le superviseur : compose les processus, annonce que le produit est prêt, l'arrête sans rien perdre."""

import asyncio
import contextlib
import dataclasses
import errno
import functools
import http.client
import logging
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.events import last_line
from server.french import why
from server.lifetime import STOPPING
from server.supervisor.envoy import EnvoyError, EnvoySettings, argv, drain, envoy_binary, probe, render
from server.supervisor.process import Command, Forward
from server.supervisor.rolling import RollingRestart
from server.supervisor.run_dir import RunDir, RunDirError
from server.supervisor.socket import ReloadRefused, SupervisorSocket
from server.supervisor.supervisor import RestartPolicy, Supervisor
from server.supervisor.tls import TlsFiles, TlsKeeper

logger = logging.getLogger(__name__)

EXIT_ABANDONED = 1
"""Code de sortie quand Envoy, ou tous les fronts, ne tiennent plus : plus rien n'est servi."""
EXIT_REFUSED = 2
"""Code de sortie d'un démarrage refusé."""

OPEN_FILES = 65536
"""Fichiers ouverts par processus : deux fois les connexions qu'Envoy admet."""
_SHORT_GRACE = 10.0
_LISTENING_SECONDS = 60.0
_LONGEST_AWAY = 60.0
"""Secondes d'absence annoncées au plus : les SDK d'OpenAI n'obéissent pas au-delà."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Réglages relus, et qui les tient."""

    environ: Mapping[str, str]
    """Environnement des enfants."""
    files: Mapping[str, tuple[str, bytes]]
    """Fichiers des modèles, comme dans `SupervisorSettings`."""
    fronts: bool
    """Vrai si les fronts en tiennent quelque chose qui a changé."""
    dashboard: bool
    """De même pour le tableau de bord."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Réglages du superviseur."""

    command: tuple[str, ...]
    """Début de la commande de chaque processus Python : `python -m server`."""
    environ: Mapping[str, str]
    """Environnement des enfants."""
    envoy: EnvoySettings
    """Configuration d'Envoy ; son `run_dir` est rempli au démarrage."""
    run_base: Path
    """Où créer le dossier des prises."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    drain_seconds: float
    """Secondes entre « ne sert plus » et l'arrêt d'un front."""
    watchdog_seconds: float
    """Silence au bout duquel un processus figé est tué et relancé ; 0 : jamais."""
    restart_pause: float
    """Secondes avant chaque relance d'un processus tombé trop souvent, dont les autres se passent."""
    public_urls: tuple[str, ...]
    """Adresses à annoncer."""
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """Fichiers dont les enfants lisent une copie, nom et contenu, par la variable qui la leur nomme."""
    reload: Callable[[], Reloaded | None] | None = None
    """Relit les réglages ; rend `None` si rien n'a changé, lève `ReloadRefused` s'ils ne conviennent pas."""
    warnings: tuple[str, ...] = field(default=())
    """Avertissements à écrire au démarrage."""
    tls: TlsFiles | None = None
    """Certificats de l'écoute publique ; `None` : en clair."""
    log_forward: Forward = None
    """Recopie le journal de chaque enfant sur la sortie d'erreur, sous cette forme."""
    on_born: Callable[[Path], None] = lambda _run_dir: None
    """Appelée une fois, avec le dossier des prises."""


def run(settings: SupervisorSettings) -> int:
    """Sert jusqu'à SIGTERM ou Ctrl-C ; rend le code de sortie."""
    _raise_open_files()
    try:
        _check_port(settings.envoy.bind, settings.envoy.port)
        with RunDir(settings.run_base) as run_dir:
            return asyncio.run(_Product(settings, run_dir.path).serve())
    except (RunDirError, EnvoyError, _PortTaken) as error:
        print(f"Passerelle ne démarre pas : {error}", file=sys.stderr)
        return EXIT_REFUSED


def _raise_open_files() -> None:
    """Prend ce que la limite dure permet : avec les 1 024 fichiers d'un shell, la charge tuerait Envoy."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _PortTaken(Exception):
    pass


def _check_port(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        socket.create_server((bind, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise _PortTaken(
                f"HOST_BIND_ADDRESS : « {bind} » n'est pas une adresse de cette machine (« ip address » les liste)."
            ) from error
        raise _PortTaken(
            f"le port {port} de {bind} ne peut pas être ouvert ({why(error)}) ; HOST_PORT en choisit un autre."
        ) from error


class _Product:
    """Tous les processus, du démarrage à l'arrêt."""

    def __init__(self, settings: SupervisorSettings, run_dir: Path) -> None:
        self._settings = settings
        self._run_dir = run_dir
        settings.on_born(run_dir)
        self._envoy = dataclasses.replace(settings.envoy, run_dir=run_dir)
        self._copies = 0
        self._env = self._environ(settings.environ, settings.files)
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._code = 0
        self._born = time.monotonic()
        self._opening: float | None = None
        self._had_terminal = _has_terminal()
        self._certificates = TlsKeeper(settings.tls, run_dir) if settings.tls else None

    async def serve(self) -> int:
        """Lance tout, attend un signal, arrête tout dans l'ordre."""
        loop = asyncio.get_running_loop()
        if self._certificates is not None:
            self._certificates.publish()
        # Seul le superviseur tient l'autre bout : sa disparition ferme le tube de tous ses enfants.
        parent_read, parent_write = os.pipe()
        supervisor = Supervisor(
            self._run_dir / "logs",
            parent_read,
            forward=self._settings.log_forward,
            watchdog_seconds=self._settings.watchdog_seconds,
            policy=RestartPolicy(pause=self._settings.restart_pause),
            on_abandoned=lambda name: self._on_abandoned(name, supervisor, rolling),
        )
        rolling = RollingRestart(
            supervisor,
            [self._front(index, path) for index, path in enumerate(self._envoy.front_sockets.values())],
            self._envoy.admin_socket,
            self._settings.stop_grace + self._settings.drain_seconds + _SHORT_GRACE / 2,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, supervisor)
        door = SupervisorSocket(supervisor, self._run_dir / "supervisor.sock", self._env, rolling)
        door.on_reload = lambda: self._reload(supervisor, rolling, door)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, supervisor, door)
        await door.start()
        for command in self._commands():
            supervisor.keep(command)
        rolling.start()
        background = [asyncio.create_task(self._announce())]
        if self._certificates is not None:
            background.append(asyncio.create_task(self._certificates.follow()))
        try:
            await self._stopping.wait()
        finally:
            for task in background:
                task.cancel()
            await self._stop(supervisor, rolling)
            await door.aclose()
            os.close(parent_write)
            os.close(parent_read)
        return self._code

    def _on_abandoned(self, name: str, supervisor: Supervisor, rolling: RollingRestart) -> None:
        broken = {one["name"] for one in supervisor.list() if one["broken"]}
        if "envoy" not in broken and not broken.issuperset(rolling.names):
            return
        # Le dossier des journaux s'en va avec le serveur.
        words = last_line(self._run_dir / "logs" / f"{name}.log")
        _say(f"Passerelle s'arrête : {name} est tombé trop souvent, et plus rien ne peut être servi. Sa fin : {words}")
        self._code = EXIT_ABANDONED
        self._stopping.set()

    def _on_signal(self, supervisor: Supervisor) -> None:
        if self._stopping.is_set():
            _say("Arrêt immédiat.")
            supervisor.kill_all()
            return
        self._stopping.set()
        supervisor.publish({"event": "stopping"})
        taken = time.monotonic() - self._born if self._opening is None else self._opening
        with contextlib.suppress(OSError):
            (self._run_dir / STOPPING).write_text(str(math.ceil(min(taken, _LONGEST_AWAY))))
        grace = self._settings.stop_grace
        _say(f"Arrêt : les requêtes en cours ont {grace:g} s pour finir ; un second Ctrl-C coupe tout.")

    def _on_hangup(self, supervisor: Supervisor, door: SupervisorSocket) -> None:
        # Un terminal qui se ferme envoie le même signal : il demande alors l'arrêt.
        if self._had_terminal and not _has_terminal():
            self._on_signal(supervisor)
        elif not self._stopping.is_set():
            task = asyncio.create_task(self._reload_aloud(door))
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def _reload_aloud(self, door: SupervisorSocket) -> None:
        try:
            done = await door.reload()
        except ReloadRefused as error:
            _say(f"Rechargement refusé, rien n'a changé : {error}")
        else:
            _say("Réglages relus." if done["changed"] else "Réglages relus : rien n'a changé.")

    async def _reload(self, supervisor: Supervisor, rolling: RollingRestart, door: SupervisorSocket) -> dict[str, Any]:
        """Relit les réglages, et relance ceux qui tiennent ce qui a changé ; les exemplaires servent pendant ce temps.

        Raises:
            ReloadRefused: ils ne conviennent pas ; rien n'a changé.
        """
        if self._settings.reload is None:
            raise ReloadRefused("ce serveur ne se recharge pas.")
        async with self._reloading:
            found = await asyncio.to_thread(self._settings.reload)
            if found is None:
                return {"changed": False, "fronts": 0, "dashboard": False}
            self._env = self._environ(found.environ, found.files)
            door.renew(self._env)
            rolling.renew(self._env)
            logger.warning("settings_reloaded", extra={"fronts": found.fronts, "dashboard": found.dashboard})
            for warning in found.warnings:
                _say(f"Attention : {warning}")
            control, dashboard = self._python_commands()
            await supervisor.replace(control)
            if found.dashboard:
                await supervisor.replace(dashboard)
            await _listening(self._run_dir / "control.sock")
            replaced = await rolling.ask_anew() if found.fronts else 0
            return {"changed": True, "fronts": replaced, "dashboard": found.dashboard}

    def _environ(self, given: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> dict[str, str]:
        """Environnement des enfants ; les modèles y sont la copie qui a été vérifiée, non le fichier qu'on modifie."""
        environ = {
            **given,
            "PASSERELLE_RUN_DIR": str(self._run_dir),
            "PROMETHEUS_MULTIPROC_DIR": str(self._run_dir / "metrics"),
            "PYTHONUNBUFFERED": "1",
        }
        self._copies += 1
        for variable, (name, content) in files.items():
            copy = self._run_dir / f"models-{self._copies}" / variable / name
            copy.parent.mkdir(mode=0o700, parents=True)
            copy.write_bytes(content)
            environ[variable] = str(copy)
        return environ

    def _commands(self) -> list[Command]:
        config = self._run_dir / "envoy.yaml"
        config.write_text(render(self._envoy), encoding="utf-8")
        return [
            *self._python_commands(),
            Command(
                "envoy",
                tuple(argv(envoy_binary(), config, self._envoy)),
                {name: self._env[name] for name in ("PATH", "HOME", "TMPDIR") if name in self._env},
                socket=self._envoy.admin_socket,
                vital=True,
                killed_with_parent=True,
                probe=functools.partial(probe, self._envoy.admin_socket),
            ),
        ]

    def _python_commands(self) -> tuple[Command, Command]:
        """Plan de contrôle et tableau de bord."""
        python, sockets = self._settings.command, self._run_dir
        return (
            Command("control", (*python, "control"), self._env, socket=sockets / "control.sock"),
            Command("dashboard", (*python, "dashboard"), self._env, socket=sockets / "dashboard.sock"),
        )

    def _front(self, index: int, path: Path) -> Command:
        command = (*self._settings.command, "front", "--index", str(index))
        return Command(path.stem, command, self._env, socket=path, vital=True)

    async def _announce(self) -> None:
        while not await asyncio.to_thread(_ready, self._envoy.local_socket):
            await asyncio.sleep(0.2)
        self._opening = time.monotonic() - self._born
        print(f"Passerelle est prête : {' '.join(self._settings.public_urls)}", flush=True)
        print(f"Journaux : {self._run_dir / 'logs'}", flush=True)
        for warning in self._settings.warnings:
            print(f"Attention : {warning}", file=sys.stderr, flush=True)

    async def _stop(self, supervisor: Supervisor, rolling: RollingRestart) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._drain_envoy())
            group.create_task(rolling.stop())
        await supervisor.stop_all(["control", "dashboard", *supervisor.names("worker")], _SHORT_GRACE)
        await supervisor.stop("envoy", _SHORT_GRACE)

    async def _drain_envoy(self) -> None:
        with contextlib.suppress(OSError, TimeoutError, EnvoyError):
            await drain(self._envoy.admin_socket)


async def _listening(path: Path) -> None:
    """Attend qu'une prise réponde, au plus `_LISTENING_SECONDS` : ce qui l'en empêche est dans son journal."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LISTENING_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_unix_connection(str(path))
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return


def _say(text: str) -> None:
    # Le terminal peut être celui qui vient de se fermer.
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ready(path: Path) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=2)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(2)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
