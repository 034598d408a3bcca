"""La configuration : variables d'environnement et profil TOML, lus une fois, vérifiés, gelés.

Une valeur refusée nomme sa variable ou son champ, la limite et la valeur.
"""

import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from server.domain import (
    Capability,
    HubRepository,
    Limits,
    MemorySpec,
    ModelSource,
    ModelSpec,
    Profile,
    SourceFile,
)

PACKAGE_DIR = Path(__file__).resolve().parent
PROFILES_DIR = PACKAGE_DIR / "profiles"

_MAY_BE_SMALL = (
    "coalesce_ms",
    "load_wait_seconds",
    "max_top_logprobs",
    "max_images",
    "endpoint_silence_seconds",
    "min_endpoint_silence_seconds",
    "max_endpoint_silence_seconds",
)
"""Limites qui peuvent valoir moins de 1."""


MIN_WATCHDOG_SECONDS = 2.0
"""Silence que le chien de garde admet au moins : quatre battements manqués."""

_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Partie du nom d'un dépôt ou d'une révision."""


class ConfigError(Exception):
    """Configuration refusée ; le message dit quelle valeur et que faire."""


@dataclass(frozen=True, slots=True)
class Config:
    """Tout ce qu'un processus doit savoir de l'installation."""

    profile: Profile
    """Modèles servis."""
    limits: Limits
    """Limites en vigueur."""
    bind: str
    """Adresse d'écoute d'Envoy."""
    port: int
    """Port d'écoute d'Envoy."""
    advertised_hosts: tuple[str, ...]
    """Hôtes à afficher ; vide : déduits au démarrage."""
    advertised_port: int
    """Port à afficher."""
    openai_keys: tuple[str, ...]
    """Clés des routes d'inférence ; vide : accès libre."""
    admin_keys: tuple[str, ...]
    """Clés d'administration ; vide : celles des routes d'inférence."""
    hf_token: str
    """Jeton Hugging Face ; vide : aucun."""
    hf_endpoint: str
    """Adresse du hub, sans barre finale."""
    hub_caches: tuple[Path, ...]
    """Caches du hub que d'autres outils remplissent."""
    download_streams: int
    """Fichiers d'un modèle téléchargés de front."""
    download_attempts: int
    """Essais d'affilée sans un octet de plus avant d'abandonner un téléchargement."""
    cache_dir: Path
    """Dossier des poids."""
    state_path: Path
    """Base SQLite des opérations et des réglages."""
    weights_dir: Path
    """Dossier des paquets de poids."""
    envs_dir: Path
    """Dossier des environnements de moteur."""
    lazy_load: bool
    """Charge les modèles à la demande, et non au démarrage."""
    fronts: int
    """Nombre de fronts."""
    threads: int
    """Fils de calcul des moteurs sur le processeur."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    watchdog_seconds: float
    """Silence au bout duquel un processus figé est tué et relancé ; 0 : jamais."""
    release_wait: float
    """Secondes laissées à la mémoire d'un GPU pour revenir après un déchargement."""
    release_tolerance: float
    """Mio d'écart admis entre avant un chargement et après le déchargement."""
    run_dir: Path | None
    """Dossier des prises ; `None` chez le superviseur, qui le crée."""
    run_base: Path
    """Dossier où le superviseur crée celui des prises ; court, car une prise Unix a 107 octets de chemin au plus."""
    allowed_origins: tuple[str, ...]
    """Origines étrangères admises (CORS)."""
    envoy_concurrency: int
    """Fils d'Envoy."""
    log_forward: bool
    """Recopie le journal de chaque processus sur la sortie d'erreur du superviseur."""
    tls_cert: Path | None = None
    """Certificat du serveur, chaîne comprise ; `None` : en clair."""
    tls_key: Path | None = None
    """Clé de ce certificat."""
    tls_client_ca: Path | None = None
    """Autorités des certificats de client ; `None` : aucun n'est demandé."""

    @property
    def scheme(self) -> str:
        """`https` avec un certificat, `http` sans."""
        return "https" if self.tls_cert else "http"


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Lit la configuration.

    Raises:
        ConfigError: variable ou champ de profil refusé.
    """
    env = _Env(environ)
    profile = load_profile(env.text("PASSERELLE_PROFILE", "dgx"))
    host_port = env.integer("HOST_PORT", 8000, 1, 65535)
    port = env.integer("PASSERELLE_PORT", host_port, 1, 65535)
    host_bind = env.text("HOST_BIND_ADDRESS", "127.0.0.1" if profile.name == "embarque" else "0.0.0.0")
    cache_dir = Path(env.text("MODEL_CACHE_DIR", "./model_cache")).expanduser().resolve()
    cores = os.cpu_count() or 1
    run_dir = env.text("PASSERELLE_RUN_DIR", "")
    return Config(
        profile=profile,
        limits=_limits(env),
        bind=env.text("PASSERELLE_BIND", host_bind),
        port=port,
        advertised_hosts=env.items("ADVERTISED_HOSTS"),
        advertised_port=host_port if "HOST_PORT" in environ else port,
        openai_keys=env.items("OPENAI_KEYS"),
        admin_keys=env.items("ADMIN_KEYS"),
        hf_token=env.text("HUGGINGFACE_TOKEN", env.text("HF_TOKEN", "")),
        hf_endpoint=_endpoint(env.text("HF_ENDPOINT", "https://huggingface.co")),
        hub_caches=_hub_caches(env, cache_dir),
        download_streams=env.integer("PASSERELLE_DOWNLOAD_STREAMS", 4, 1, 64),
        download_attempts=env.integer("PASSERELLE_DOWNLOAD_ATTEMPTS", 5, 1, 100),
        cache_dir=cache_dir,
        state_path=cache_dir / ".passerelle" / "journal.sqlite",
        weights_dir=Path(env.text("PASSERELLE_WEIGHTS_DIR", str(Path(sys.prefix) / "weights"))),
        envs_dir=Path(env.text("PASSERELLE_ENVS_DIR", str(PACKAGE_DIR.parent / ".envs"))).expanduser().absolute(),
        lazy_load=env.boolean("LAZY_LOAD_MODELS", True),
        fronts=env.integer("PASSERELLE_FRONTS", max(1, min(8, cores // 16)), 1, 64),
        threads=env.integer("PASSERELLE_THREADS", min(cores, 8), 1, 256),
        stop_grace=env.number("PASSERELLE_STOP_GRACE", 30.0, 0.0, 3600.0),
        watchdog_seconds=_watchdog(env),
        release_wait=env.number("PASSERELLE_RELEASE_WAIT", 30.0, 0.0, 3600.0),
        release_tolerance=env.number("PASSERELLE_RELEASE_TOLERANCE_MIB", 64.0, 0.0, 65536.0),
        run_dir=Path(run_dir) if run_dir else None,
        run_base=Path(env.text("PASSERELLE_RUN_BASE", tempfile.gettempdir())),
        allowed_origins=env.items("PASSERELLE_ALLOWED_ORIGINS"),
        envoy_concurrency=env.integer("PASSERELLE_ENVOY_CONCURRENCY", min(4, cores), 1, 256),
        log_forward=env.boolean("PASSERELLE_LOG_FORWARD", False),
        **_tls(env),
    )


def _watchdog(env: "_Env") -> float:
    name = "PASSERELLE_WATCHDOG_SECONDS"
    seconds = env.number(name, 30.0, 0.0, 86400.0)
    if 0 < seconds < MIN_WATCHDOG_SECONDS:
        raise ConfigError(
            f"{name} : {seconds:g} est trop court ; {MIN_WATCHDOG_SECONDS:g} au moins, ou 0 pour s'en passer."
        )
    return seconds


def _tls(env: "_Env") -> dict[str, Path | None]:
    cert, key = env.path("PASSERELLE_TLS_CERT"), env.path("PASSERELLE_TLS_KEY")
    client_ca = env.path("PASSERELLE_TLS_CLIENT_CA")
    if cert is None and (key or client_ca):
        raise ConfigError(
            "PASSERELLE_TLS_CERT : certificat attendu dès qu'une autre variable PASSERELLE_TLS_ est donnée."
        )
    if cert is not None and key is None:
        raise ConfigError("PASSERELLE_TLS_KEY : clé attendue avec PASSERELLE_TLS_CERT.")
    return {"tls_cert": cert, "tls_key": key, "tls_client_ca": client_ca}


def load_profile(name: str) -> Profile:
    """Lit un profil livré (`embarque`, `dgx`) ou un fichier `.toml`.

    Raises:
        ConfigError: profil inconnu ou champ refusé.
    """
    path = Path(name) if name.endswith(".toml") else PROFILES_DIR / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES_DIR.glob("*.toml")))
        raise ConfigError(
            f"PASSERELLE_PROFILE : le profil « {name} » n'existe pas (profils livrés : {known} ; ou un fichier .toml)."
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} : TOML illisible ({error}).") from error
    models = tuple(_model(path.name, i, entry) for i, entry in enumerate(data.get("models", [])))
    if not models:
        raise ConfigError(f"{path.name} : aucun modèle ([[models]] attendu).")
    names = [n for m in models for n in (m.key, *m.aliases)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"{path.name} : clé ou alias employé deux fois : {', '.join(twice)}.")
    return Profile(name=path.stem, notice=str(data.get("notice", "")), models=models)


def _model(file: str, index: int, entry: Mapping[str, Any]) -> ModelSpec:
    where = f"{file} : models[{index}]"
    known = {f.name for f in fields(ModelSpec)}
    _check_names(where, entry, known, required={"key", "capability", "engine", "source", "display_name"})
    try:
        capability = Capability(entry["capability"])
    except ValueError as error:
        allowed = ", ".join(Capability)
        raise ConfigError(f"{where}.capability : « {entry['capability']} » inconnu (attendu : {allowed}).") from error
    values: dict[str, Any] = {k: _frozen(v) for k, v in entry.items()}
    values["capability"] = capability
    values["source"] = _source(f"{where}.source", entry["source"])
    values["memory"] = _memory(f"{where}.memory", entry.get("memory", {}))
    return ModelSpec(**values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _source(where: str, entry: Mapping[str, Any]) -> ModelSource:
    known = {f.name for f in fields(ModelSource)}
    _check_names(where, entry, known, required={"kind", "repository", "revision"})
    if entry["kind"] not in ("package", "hub"):
        raise ConfigError(f"{where}.kind : « {entry['kind']} » inconnu (attendu : package ou hub).")
    files = []
    for i, file in enumerate(entry.get("files", [])):
        _check_names(f"{where}.files[{i}]", file, {"name", "parts", "sha256"}, required={"name", "parts", "sha256"})
        files.append(SourceFile(name=file["name"], parts=tuple(file["parts"]), sha256=file["sha256"]))
    if entry["kind"] == "package" and not files:
        raise ConfigError(f"{where}.files : au moins un fichier est attendu pour une source « package ».")
    rest: dict[str, Any] = {k: _frozen(v) for k, v in entry.items() if k not in ("files", "extra")}
    extra = [_hub_repository(f"{where}.extra[{i}]", one) for i, one in enumerate(entry.get("extra", []))]
    if entry["kind"] == "hub":
        _check_hub(where, entry)
    elif extra or entry.get("include") or entry.get("exclude"):
        raise ConfigError(f"{where} : include, exclude et extra ne vont qu'avec une source « hub ».")
    return ModelSource(**rest, files=tuple(files), extra=tuple(extra))


def _hub_repository(where: str, entry: Mapping[str, Any]) -> HubRepository:
    known = {f.name for f in fields(HubRepository)}
    _check_names(where, entry, known, required={"repository", "revision"})
    _check_hub(where, entry)
    values: dict[str, Any] = {k: _frozen(v) for k, v in entry.items()}
    return HubRepository(**values)


def _check_hub(where: str, entry: Mapping[str, Any]) -> None:
    """Le dépôt et la révision deviennent des chemins : rien n'y sort du cache."""
    for name in ("repository", "revision"):
        parts = str(entry[name]).split("/")
        if not all(_HUB_NAME.fullmatch(part) for part in parts) or (name == "repository" and len(parts) > 2):
            raise ConfigError(f"{where}.{name} : « {entry[name]} » n'est pas un nom du hub.")
    for name in ("include", "exclude"):
        patterns = entry.get(name, [])
        if not isinstance(patterns, list) or not all(isinstance(one, str) and one for one in patterns):
            raise ConfigError(f"{where}.{name} : une liste de motifs est attendue.")


def _endpoint(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"HF_ENDPOINT : « {url} » n'est pas une adresse http:// ou https://.")
    return url.rstrip("/")


def _hub_caches(env: "_Env", cache_dir: Path) -> tuple[Path, ...]:
    """Le cache partagé peut être celui d'un autre outil ; sinon, celui que ses variables désignent."""
    named = env.text("HF_HUB_CACHE", str(Path(env.text("HF_HOME", "~/.cache/huggingface")) / "hub"))
    found = (cache_dir, cache_dir / "hub", Path(named).expanduser().resolve())
    return tuple(dict.fromkeys(found))


def _memory(where: str, entry: Mapping[str, Any]) -> MemorySpec:
    _check_names(where, entry, {f.name for f in fields(MemorySpec)}, required=set())
    for name, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ConfigError(f"{where}.{name} : « {value} » refusé (un nombre de Gio, 0 ou plus).")
    return MemorySpec(**{name: float(value) for name, value in entry.items()})


def _check_names(where: str, entry: Mapping[str, Any], known: set[str], *, required: set[str]) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ConfigError(f"{where} : champ inconnu {', '.join(unknown)} (connus : {', '.join(sorted(known))}).")
    missing = sorted(required - set(entry))
    if missing:
        raise ConfigError(f"{where} : champ manquant {', '.join(missing)}.")


def _limits(env: "_Env") -> Limits:
    defaults = Limits()
    values: dict[str, Any] = {}
    for limit in fields(Limits):
        default = getattr(defaults, limit.name)
        variable = f"PASSERELLE_{limit.name.upper()}"
        low = 0 if limit.name in _MAY_BE_SMALL else 1
        values[limit.name] = (
            env.integer(variable, default, low, 2**53)
            if isinstance(default, int)
            else env.number(variable, default, float(low), 1e9)
        )
    for name in ("endpoint_silence_seconds", "utterance_seconds"):
        # Le défaut d'un flux en direct est dans les bornes que ses clients doivent tenir.
        _bounded(f"PASSERELLE_{name.upper()}", values[name], values[f"min_{name}"], values[f"max_{name}"])
    return Limits(**values)


@dataclass(frozen=True, slots=True)
class _Env:
    """Lecture typée de l'environnement ; une chaîne vide vaut une absence."""

    values: Mapping[str, str]

    def text(self, name: str, default: str) -> str:
        return self.values.get(name, "").strip() or default

    def path(self, name: str) -> Path | None:
        text = self.text(name, "")
        return Path(text).expanduser().absolute() if text else None

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(self.values.get(name, "").replace(",", " ").split())

    def boolean(self, name: str, default: bool) -> bool:
        text = self.text(name, "").lower()
        if not text:
            return default
        if text in ("1", "true", "yes", "on", "oui", "vrai"):
            return True
        if text in ("0", "false", "no", "off", "non", "faux"):
            return False
        raise ConfigError(f"{name} : « {text} » n'est pas un booléen (true ou false attendu).")

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, "")
        if not text:
            return default
        try:
            value = int(text)
        except ValueError as error:
            raise ConfigError(f"{name} : « {text} » n'est pas un entier.") from error
        return int(_bounded(name, value, low, high))

    def number(self, name: str, default: float, low: float, high: float) -> float:
        text = self.text(name, "")
        if not text:
            return default
        try:
            value = float(text)
        except ValueError as error:
            raise ConfigError(f"{name} : « {text} » n'est pas un nombre.") from error
        return _bounded(name, value, low, high)


def _bounded(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ConfigError(f"{name} : {value:g} est hors des limites ({low:g} à {high:g}).")
    return value
