"""La configuration : variables d'environnement, lues une fois, vérifiées, gelées, avec le profil qu'elles désignent.

Une valeur refusée nomme sa variable, la limite et la valeur.
"""

import dataclasses
import ipaddress
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from server.domain import ADDED_MODELS, Limits, Profile, PublicAddress, TokenProvider
from server.json_depth import DEEPEST
from server.named_keys import KEYS
from server.quotas import Quota, WrongQuota, parsed
from server.settings.addresses import bind_address, public_addresses
from server.settings.file import Settled, settle
from server.settings.profile import ConfigError, Layers, read_layers
from server.settings.shares import shares
from server.settings.tokens import token_provider
from server.settings.traces import TraceTarget, trace_target
from server.settings.unknown import unknown

PACKAGE_DIR = Path(__file__).resolve().parents[1]

DEFAULT_PROFILE = "dgx"
"""Profil, quand `PASSERELLE_PROFILE` n'en dit pas d'autre."""
STATE_FOLDER = ".passerelle"
"""Dossier d'état dans celui des poids, quand `PASSERELLE_STATE_DIR` n'en dit pas d'autre."""
ADDED_MODELS_COPY = "PASSERELLE_ADDED_MODELS"
"""Variable qui nomme, pour un enfant, la copie vérifiée du fichier des modèles ajoutés."""

_MAY_BE_SMALL = (
    "coalesce_ms",
    "load_wait_seconds",
    "max_load_wait_seconds",
    "max_top_logprobs",
    "max_completion_logprobs",
    "max_logit_bias",
    "max_images",
    "spare_live_streams",
    "quota_lease_percent",
    "endpoint_silence_seconds",
    "min_endpoint_silence_seconds",
    "max_endpoint_silence_seconds",
    "low_confidence",
)
"""Limites qui peuvent valoir moins de 1."""


LOG_FORMATS = ("json", "texte")
LOG_LEVELS = ("debug", "info", "warning", "error")

MIN_WATCHDOG_SECONDS = 2.0
"""Silence que le chien de garde admet au moins : quatre battements manqués."""


@dataclass(frozen=True, slots=True)
class Config:
    """Tout ce qu'un processus doit savoir de l'installation."""

    profile: Profile
    """Modèles servis."""
    layers: Layers
    """D'où ils viennent."""
    limits: Limits
    """Limites en vigueur."""
    bind: str
    """Adresse d'écoute d'Envoy."""
    port: int
    """Port d'écoute d'Envoy."""
    advertised: tuple[PublicAddress, ...]
    """Adresses à afficher ; vide : déduites au démarrage."""
    advertised_port: int
    """Port à afficher."""
    openai_keys: tuple[str, ...]
    """Clés des routes d'inférence ; vide : accès libre."""
    admin_keys: tuple[str, ...]
    """Clés d'administration ; vide : celles des routes d'inférence."""
    named_keys: bool
    """Vrai si des clés nommées ont été créées, ou si leur table est montée."""
    keys_file: Path | None
    """Table de clés nommées que l'exploitant écrit ; `None` : celle du dossier d'état."""
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
    """Dossier des poids ; plusieurs serveurs peuvent le partager."""
    state_dir: Path
    """Dossier de ce que ce serveur seul retient."""
    audit_max_mib: int
    """Mio du registre des actes d'administration, tous fichiers compris."""
    audit_days: float
    """Jours gardés par le registre."""
    weights_dir: Path
    """Dossier des paquets de poids."""
    envs_dir: Path
    """Dossier des environnements de moteur."""
    lazy_load: bool
    """Charge les modèles à la demande, et non au démarrage."""
    restore_attempts: int
    """Essais de ramener, au démarrage, un modèle que l'exploitant veut chargé."""
    restore_pause: float
    """Secondes avant le deuxième essai, doublées à chacun."""
    fronts: int
    """Nombre de fronts."""
    threads: int
    """Fils de calcul des moteurs sur le processeur, et de la détection de parole d'un exemplaire."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    drain_seconds: float
    """Secondes entre « ne sert plus » et l'arrêt d'un front : le temps qu'Envoy le voie."""
    watchdog_seconds: float
    """Silence au bout duquel un processus figé est tué et relancé ; 0 : jamais."""
    restart_pause: float
    """Secondes avant chaque relance d'un processus tombé trop souvent, dont les autres se passent."""
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
    allowed_hosts: tuple[str, ...]
    """Noms sous lesquels un serveur sans clé se laisse appeler ; vide : ceux de la machine ; `*` : tous."""
    grpc_compression: bool
    """Admet les messages gRPC compressés (gzip)."""
    trusted_hops: int
    """Relais de confiance devant Envoy, dont x-forwarded-for est cru."""
    envoy_concurrency: int
    """Fils d'Envoy."""
    log_forward: bool
    """Recopie le journal de chaque processus sur la sortie d'erreur du superviseur."""
    log_format: Literal["json", "texte"]
    """Forme de cette copie, et des lignes du superviseur ; les fichiers sont toujours en JSON."""
    log_level: str
    """Niveau du journal au démarrage."""
    build: str = ""
    """Commit annoncé par `/version` ; vide : celui du dépôt, s'il y en a un."""
    unknown: tuple[str, ...] = ()
    """Variables qui ressemblent à une des nôtres, et n'en sont pas : ce qu'il faut en dire."""
    gpu_lists: Mapping[str, str] = field(default_factory=dict)
    """Listes de GPU données, par variable, de la plus large à la plus étroite ; aucune : toute la machine."""
    tls_cert: Path | None = None
    """Certificat du serveur, chaîne comprise ; `None` : en clair."""
    tls_key: Path | None = None
    """Clé de ce certificat."""
    tls_client_ca: Path | None = None
    """Autorités des certificats de client ; `None` : aucun n'est demandé."""
    tokens: TokenProvider | None = None
    """Fournisseur d'identité dont les jetons sont admis ; `None` : aucun."""
    metrics_keys: int = 64
    """Clés que les mesures nomment, au plus ; les autres y sont ensemble."""
    traces: TraceTarget | None = None
    """Collecteur des traces ; `None` : rien n'est tracé."""
    shares: Mapping[str, int] = field(default_factory=dict)
    """Parts, dans les files, des appelants qui en ont plus d'une (`server/settings/shares.py`)."""
    default_quota: Quota | None = None
    """Quota des clés qui n'en ont pas ; `None` : aucun."""

    @property
    def keyed(self) -> bool:
        """Vrai si l'inférence exige une clé, ou un jeton."""
        return bool(self.openai_keys) or self.named_keys or self.tokens is not None

    @property
    def local(self) -> bool:
        """Vrai si l'écoute n'est que de cette machine."""
        return ipaddress.ip_address(self.bind).is_loopback

    @property
    def scheme(self) -> str:
        """`https` avec un certificat, `http` sans."""
        return "https" if self.tls_cert else "http"


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Lit la configuration, fichier de réglages compris.

    Raises:
        ConfigError: variable, ligne du fichier ou champ de profil refusé.
    """
    return load_settled(settle(environ))


def load_settled(settled: Settled) -> Config:
    """Lit la configuration de variables déjà réunies.

    Raises:
        ConfigError: celles de `load_config`.
    """
    try:
        return _load(settled.values)
    except ConfigError as error:
        raise settled.located(error) from error


def _load(environ: Mapping[str, str]) -> Config:
    env = _Env(environ)
    cache_dir = Path(env.text("MODEL_CACHE_DIR", "./model_cache")).expanduser().resolve()
    state_dir = env.path("PASSERELLE_STATE_DIR") or cache_dir / STATE_FOLDER
    layers = read_layers(
        env.text("PASSERELLE_PROFILE", DEFAULT_PROFILE), env.path(ADDED_MODELS_COPY) or state_dir / ADDED_MODELS
    )
    profile = layers.profile
    host_port = env.integer("HOST_PORT", 8000, 1, 65535)
    port = env.integer("PASSERELLE_PORT", host_port, 1, 65535)
    host_bind = env.text("HOST_BIND_ADDRESS", "127.0.0.1" if profile.name == "embarque" else "0.0.0.0")
    bind = bind_address("PASSERELLE_BIND", env.text("PASSERELLE_BIND", bind_address("HOST_BIND_ADDRESS", host_bind)))
    advertised_port = host_port if "HOST_PORT" in environ else port
    tls = _tls(env)
    tokens = token_provider(env)
    keys_file = env.path("PASSERELLE_KEYS_FILE")
    named_keys = keys_file is not None or os.path.exists(state_dir / KEYS)
    keys, admin_keys = _keys(env, named_keys or tokens is not None), env.items("ADMIN_KEYS")
    cores = os.cpu_count() or 1
    run_dir = env.text("PASSERELLE_RUN_DIR", "")
    config = Config(
        profile=profile,
        layers=layers,
        limits=_limits(env),
        bind=bind,
        port=port,
        advertised=public_addresses(
            "ADVERTISED_HOSTS",
            env.items("ADVERTISED_HOSTS"),
            scheme="https" if tls["tls_cert"] else "http",
            port=advertised_port,
        ),
        advertised_port=advertised_port,
        openai_keys=keys,
        admin_keys=admin_keys,
        named_keys=named_keys,
        keys_file=keys_file,
        hf_token=env.text("HUGGINGFACE_TOKEN", env.text("HF_TOKEN", "")),
        hf_endpoint=_endpoint(env.text("HF_ENDPOINT", "https://huggingface.co")),
        hub_caches=_hub_caches(env, cache_dir),
        download_streams=env.integer("PASSERELLE_DOWNLOAD_STREAMS", 4, 1, 64),
        download_attempts=env.integer("PASSERELLE_DOWNLOAD_ATTEMPTS", 5, 1, 100),
        cache_dir=cache_dir,
        state_dir=state_dir,
        audit_max_mib=env.integer("PASSERELLE_AUDIT_MAX_MIB", 256, 1, 2**20),
        audit_days=env.number("PASSERELLE_AUDIT_DAYS", 365.0, 1.0, 36_500.0),
        weights_dir=Path(env.text("PASSERELLE_WEIGHTS_DIR", str(Path(sys.prefix) / "weights"))),
        envs_dir=Path(env.text("PASSERELLE_ENVS_DIR", str(PACKAGE_DIR.parent / ".envs"))).expanduser().absolute(),
        lazy_load=env.boolean("LAZY_LOAD_MODELS", True),
        restore_attempts=env.integer("PASSERELLE_RESTORE_ATTEMPTS", 3, 1, 100),
        restore_pause=env.number("PASSERELLE_RESTORE_PAUSE", 10.0, 0.0, 3600.0),
        fronts=env.integer("PASSERELLE_FRONTS", max(1, min(8, cores // 16)), 1, 64),
        threads=env.integer("PASSERELLE_THREADS", min(cores, 8), 1, 256),
        stop_grace=env.number("PASSERELLE_STOP_GRACE", 30.0, 0.0, 3600.0),
        drain_seconds=env.number("PASSERELLE_DRAIN_SECONDS", 2.0, 0.0, 30.0),
        watchdog_seconds=_watchdog(env),
        restart_pause=env.number("PASSERELLE_RESTART_PAUSE", 60.0, 0.1, 3600.0),
        release_wait=env.number("PASSERELLE_RELEASE_WAIT", 30.0, 0.0, 3600.0),
        release_tolerance=env.number("PASSERELLE_RELEASE_TOLERANCE_MIB", 64.0, 0.0, 65536.0),
        run_dir=Path(run_dir) if run_dir else None,
        run_base=Path(env.text("PASSERELLE_RUN_BASE", tempfile.gettempdir())),
        allowed_origins=env.items("PASSERELLE_ALLOWED_ORIGINS"),
        allowed_hosts=env.items("PASSERELLE_ALLOWED_HOSTS"),
        grpc_compression=env.boolean("PASSERELLE_GRPC_COMPRESSION", False),
        trusted_hops=env.integer("PASSERELLE_TRUSTED_HOPS", 0, 0, 16),
        envoy_concurrency=env.integer("PASSERELLE_ENVOY_CONCURRENCY", min(4, cores), 1, 256),
        log_forward=env.boolean("PASSERELLE_LOG_FORWARD", False),
        metrics_keys=env.integer("PASSERELLE_METRICS_KEYS", 64, 0, 10_000),
        log_format="texte" if env.choice("PASSERELLE_LOG_FORMAT", "json", LOG_FORMATS) == "texte" else "json",
        log_level=env.choice("PASSERELLE_LOG_LEVEL", "info", LOG_LEVELS).upper(),
        build=env.text("PASSERELLE_BUILD", ""),
        gpu_lists=_gpu_lists(env),
        tls_cert=tls["tls_cert"],
        tls_key=tls["tls_key"],
        tls_client_ca=tls["tls_client_ca"],
        tokens=tokens,
        traces=trace_target(env),
        shares=shares(env.items("PASSERELLE_SHARES"), (*keys, *admin_keys), tokens),
        default_quota=_quota(env),
    )
    return dataclasses.replace(config, unknown=unknown(environ, env.read))


def _watchdog(env: "_Env") -> float:
    name = "PASSERELLE_WATCHDOG_SECONDS"
    seconds = env.number(name, 30.0, 0.0, 86400.0)
    if 0 < seconds < MIN_WATCHDOG_SECONDS:
        raise ConfigError(
            f"{name} : {seconds:g} est trop court ; {MIN_WATCHDOG_SECONDS:g} au moins, ou 0 pour s'en passer."
        )
    return seconds


def _keys(env: "_Env", others: bool) -> tuple[str, ...]:
    """`others` : des clés nommées, ou des jetons, sont exigés à côté."""
    keys, required = env.items("OPENAI_KEYS"), env.boolean("PASSERELLE_REQUIRE_KEYS", False)
    if required and not keys and not others:
        raise ConfigError(
            "OPENAI_KEYS : aucune clé n'est donnée, « passerelle keys create » n'en a créé aucune, et "
            "PASSERELLE_REQUIRE_KEYS en exige."
        )
    return keys


def _quota(env: "_Env") -> Quota | None:
    name = "PASSERELLE_DEFAULT_QUOTA"
    try:
        found = parsed(env.text(name, ""))
    except WrongQuota as error:
        raise ConfigError(f"{name} : {error}") from error
    return found if found.limits() else None


def _gpu_lists(env: "_Env") -> dict[str, str]:
    """Vide n'y vaut pas absente : CUDA y lit « aucun GPU »."""
    found = {
        "CUDA_VISIBLE_DEVICES": env.raw("CUDA_VISIBLE_DEVICES"),
        "PASSERELLE_GPUS": env.raw("PASSERELLE_GPUS"),
    }
    return {name: text for name, text in found.items() if text is not None}


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


def _endpoint(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"HF_ENDPOINT : « {url} » n'est pas une adresse http:// ou https://.")
    return url.rstrip("/")


def _hub_caches(env: "_Env", cache_dir: Path) -> tuple[Path, ...]:
    """Le cache partagé peut être celui d'un autre outil ; sinon, celui que ses variables désignent."""
    named = env.text("HF_HUB_CACHE", str(Path(env.text("HF_HOME", "~/.cache/huggingface")) / "hub"))
    found = (cache_dir, cache_dir / "hub", Path(named).expanduser().resolve())
    return tuple(dict.fromkeys(found))


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
            else env.number(variable, default, float(low), 1e10)
        )
    _bounded("PASSERELLE_LOW_CONFIDENCE", values["low_confidence"], 0, 1)
    _bounded("PASSERELLE_MAX_JSON_DEPTH", values["max_json_depth"], 1, DEEPEST)
    for name in ("endpoint_silence_seconds", "utterance_seconds"):
        # Le défaut d'un flux en direct est dans les bornes que ses clients doivent tenir.
        _bounded(f"PASSERELLE_{name.upper()}", values[name], values[f"min_{name}"], values[f"max_{name}"])
    return Limits(**values)


@dataclass(frozen=True, slots=True)
class _Env:
    """Lecture typée de l'environnement ; une chaîne vide vaut une absence."""

    values: Mapping[str, str]
    read: set[str] = field(default_factory=set)
    """Variables demandées."""

    def text(self, name: str, default: str) -> str:
        return (self.raw(name) or "").strip() or default

    def raw(self, name: str) -> str | None:
        """Valeur telle quelle ; `None` si la variable est absente."""
        self.read.add(name)
        return self.values.get(name)

    def path(self, name: str) -> Path | None:
        text = self.text(name, "")
        return Path(text).expanduser().absolute() if text else None

    def items(self, name: str) -> tuple[str, ...]:
        return tuple((self.raw(name) or "").replace(",", " ").split())

    def boolean(self, name: str, default: bool) -> bool:
        text = self.text(name, "").lower()
        if not text:
            return default
        if text in ("1", "true", "yes", "on", "oui", "vrai"):
            return True
        if text in ("0", "false", "no", "off", "non", "faux"):
            return False
        raise ConfigError(f"{name} : « {text} » n'est pas un booléen (true ou false attendu).")

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        text = self.text(name, default).lower()
        if text not in known:
            raise ConfigError(f"{name} : « {text} » n'est pas admis ({', '.join(known)}).")
        return text

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
