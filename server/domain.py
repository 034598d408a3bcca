"""Les valeurs que tous les processus partagent, sans protocole ni bibliothèque."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

ADDED_MODELS = "models.toml"
"""Fichier des modèles ajoutés au profil, dans le dossier d'état."""


class Capability(StrEnum):
    """Ce qu'un modèle sait faire."""

    CHAT = "chat"
    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Fichier de poids attendu dans le dossier du modèle."""

    name: str
    """Nom dans le dossier du modèle."""
    parts: tuple[str, ...]
    """Morceaux à joindre, chacun `paquet/chemin` dans le dossier des paquets de poids."""
    sha256: str
    """Empreinte attendue ; obligatoire pour un fichier de poids."""


@dataclass(frozen=True, slots=True)
class HubRepository:
    """Ce qu'on prend d'un dépôt Hugging Face."""

    repository: str
    """`organisation/nom`."""
    revision: str
    """Commit, étiquette ou branche."""
    include: tuple[str, ...] = ()
    """Motifs des fichiers à prendre ; vide : tous. `*` traverse les dossiers."""
    exclude: tuple[str, ...] = ()
    """Motifs des fichiers à laisser."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Origine des poids d'un modèle."""

    kind: Literal["package", "hub"]
    """`package` (paquets de poids installés) ou `hub` (dépôt Hugging Face)."""
    repository: str
    """Dépôt ou paquets."""
    revision: str
    """Révision ou version épinglée."""
    license: str = ""
    """Licence des poids."""
    files: tuple[SourceFile, ...] = ()
    """Fichiers à assembler (`package`)."""
    include: tuple[str, ...] = ()
    """Motifs des fichiers à prendre (`hub`) ; vide : tous."""
    exclude: tuple[str, ...] = ()
    """Motifs des fichiers à laisser (`hub`)."""
    extra: tuple[HubRepository, ...] = ()
    """Autres dépôts dont le modèle a besoin (`hub`), chacun rangé sous `<organisation>/<nom>/`."""

    @property
    def repositories(self) -> tuple[HubRepository, ...]:
        """Dépôts à prendre, le principal d'abord."""
        return (HubRepository(self.repository, self.revision, self.include, self.exclude), *self.extra)


@dataclass(frozen=True, slots=True)
class MemorySpec:
    """Mémoire qu'un exemplaire demande à ses GPU, en Gio ; l'estimation qui précède tout chargement."""

    weights_gib: float = 0.0
    """Poids de tout le modèle ; 0 : la taille des fichiers."""
    working_gib: float = 0.0
    """Cache KV et activations, au moins, par GPU."""
    reserve_gib: float = 1.0
    """Contexte CUDA, bibliothèques et graphes, par GPU."""
    budget_gib: float = 0.0
    """Part déclarée par GPU pour les poids et la mémoire de travail ; 0 : leur somme. L'option de moteur
    `gpu_memory_utilization`, quand elle est là, en tient lieu."""


@dataclass(frozen=True, slots=True)
class PlacementOptions:
    """Options d'un moteur dont dépend le choix des GPU."""

    tensor_parallel_size: int = field(default=1, metadata={"minimum": 1, "maximum": 64})
    pipeline_parallel_size: int = field(default=1, metadata={"minimum": 1, "maximum": 64})
    gpu_memory_utilization: float = field(default=1.0, metadata={"above": 0, "maximum": 1})

    @classmethod
    def among(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Celles qui sont dans ces options."""
        return {one.name: options[one.name] for one in fields(cls) if one.name in options}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Modèle tel que le profil le décrit."""

    key: str
    capability: Capability
    engine: str
    source: ModelSource
    display_name: str
    aliases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    notice: str = ""
    demonstration: bool = False
    requires_gpu: bool = True
    gpus: tuple[int, ...] = ()
    """GPU préférés ; vide, ou sans la place : les plus libres."""
    replicas: int = field(default=1, metadata={"minimum": 1})
    memory: MemorySpec = field(default_factory=MemorySpec)
    exclusive: bool = False
    """Refuse de partager ses GPU."""
    pinned: bool = False
    """Jamais déchargé de lui-même, ni pour faire de la place."""
    idle_unload_seconds: float = 0.0
    """Secondes sans requête avant de se décharger ; 0 : jamais."""
    load_options: tuple[str, ...] = ()
    """Options du moteur qu'un chargement peut changer."""
    load_switches: tuple[str, ...] = ()
    """Celles qui sont vraies ou fausses ; le profil y ajoute celles que le moteur connaît."""
    auto_download: bool = False
    """Télécharge de lui-même quand un chargement le demande."""
    restore_lazy: bool = False
    """Un redémarrage ramène aussi ce qu'une requête a chargé."""
    python: str = ""
    """Interpréteur propre au moteur ; vide : celui du serveur."""
    max_waiting: int = 64
    """Requêtes en attente au plus dans l'exemplaire."""
    context_tokens: int = 0
    owned_by: str = "passerelle"
    features: tuple[str, ...] = ()
    """Options annoncées avant tout chargement ; le moteur chargé fait foi."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def declared_context(self) -> int:
        """Contexte au plus, en jetons, d'après le profil ; 0 s'il n'en dit rien."""
        found = (self.context_tokens, *(self.options.get(name) for name in _CONTEXT_OPTIONS))
        return next((value for value in found if isinstance(value, int) and value > 0), 0)


_OUTSIDE_WORKERS = frozenset(
    {
        *("display_name", "aliases", "notice", "demonstration", "owned_by", "features"),
        *("gpus", "replicas", "memory", "exclusive", "pinned", "idle_unload_seconds"),
        *("load_options", "auto_download", "restore_lazy"),
    }
)
"""Champs d'un modèle que ses exemplaires ne reçoivent pas."""


def worker_digest(spec: ModelSpec) -> str:
    """Empreinte de ce que les exemplaires d'un modèle reçoivent de son profil."""
    kept = [(one.name, getattr(spec, one.name)) for one in fields(spec) if one.name not in _OUTSIDE_WORKERS]
    options = sorted(spec.options.items())
    return hashlib.sha256(
        repr([*((name, value) for name, value in kept if name != "options"), options]).encode()
    ).hexdigest()


_CONTEXT_OPTIONS = ("max_model_len", "context_tokens_per_request")
"""Options des moteurs livrés qui disent le contexte d'une requête."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Ensemble de modèles servis ensemble."""

    name: str
    notice: str
    models: tuple[ModelSpec, ...]

    def model(self, key: str) -> ModelSpec | None:
        """Modèle de cette clé ou de cet alias, sinon `None`."""
        return next((m for m in self.models if key == m.key or key in m.aliases), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limites annoncées par GetCapabilities ; chacune se règle par `PASSERELLE_<NOM>`."""

    max_json_body_bytes: int = 64 * 1024 * 1024
    max_json_depth: int = 100
    """Niveaux imbriqués d'un JSON ; Envoy n'en lit pas davantage du JSON typé."""
    max_admin_body_bytes: int = 64 * 1024
    """Octets d'un corps qu'Envoy traduit lui-même, avant que la clé soit vue."""
    max_received_json_bytes: int = 512 * 1024 * 1024
    """Octets des requêtes JSON en cours de réception, par front."""
    max_messages: int = 1024
    max_tokens: int = 32768
    max_n: int = 16
    max_stop: int = 16
    max_top_logprobs: int = 20
    max_completion_logprobs: int = 5
    """Celles d'une complétion (`logprobs`)."""
    max_logit_bias: int = 1024
    max_listed_tokens: int = 1_000_000
    """Jetons que `/tokenize` et `/detokenize` rendent ou reçoivent un à un ; les compter n'a pas cette borne."""
    max_grammar_bytes: int = 64 * 1024
    """Octets d'un schéma JSON, d'une expression régulière ou d'une grammaire ; d'une requête aussi, hors outils."""
    max_tools_bytes: int = 512 * 1024
    """Octets de tous les schémas d'outils d'une requête."""
    max_grammar_depth: int = 32
    max_grammar_repetitions: int = 10_000
    """Produit des répétitions imbriquées d'une grammaire (`minItems`, `maxLength`, `{n,m}`…)."""
    max_grammar_choices: int = 1000
    """Éléments d'une même énumération, alternative ou liste de propriétés."""
    max_grammar_nodes: int = 200_000
    """Éléments d'une grammaire, répétitions et références déroulées."""
    max_grammar_seconds: float = 10.0
    """Secondes de processeur de la compilation d'une grammaire à l'essai."""
    max_grammar_memory_bytes: int = 512 * 1024 * 1024
    """Octets de mémoire de cet essai."""
    max_images: int = 16
    max_image_bytes: int = 20 * 1024 * 1024
    max_image_pixels: int = 64_000_000
    """Points d'une image, toutes ses images successives comprises."""
    max_image_frames: int = 100
    """Images successives d'un fichier animé."""
    max_upload_bytes: int = 1024 * 1024 * 1024
    max_message_bytes: int = 64 * 1024 * 1024
    max_audio_seconds: float = 6 * 3600.0
    min_sample_rate_hertz: int = 8000
    max_sample_rate_hertz: int = 192000
    max_channels: int = 8
    max_separate_channels: int = 8
    """Canaux d'un fichier transcrits chacun à part."""
    max_stream_silence_seconds: float = 300.0
    """Silence d'un client en direct, entre deux messages, avant de clore son flux."""
    max_live_streams: int = 32
    """Flux en direct menés de front par un exemplaire."""
    spare_live_streams: int = 4
    """Flux de plus, chacun pour un appelant qui n'en mène encore aucun."""
    endpoint_silence_seconds: float = 0.6
    """Silence qui clôt une phrase en direct, quand la requête n'en dit rien."""
    min_endpoint_silence_seconds: float = 0.1
    max_endpoint_silence_seconds: float = 5.0
    utterance_seconds: float = 20.0
    """Durée d'une phrase en direct avant sa coupe d'autorité, quand la requête n'en dit rien."""
    min_utterance_seconds: float = 2.0
    max_utterance_seconds: float = 30.0
    max_body_silence_seconds: float = 30.0
    """Silence d'un client qui envoie une requête ou un fichier, entre deux morceaux, avant de la refuser."""
    load_wait_seconds: float = 120.0
    """Attente d'un chargement avant de refuser une requête, au moins."""
    max_load_wait_seconds: float = 300.0
    """Ce que cette attente peut devenir pour un modèle long à charger."""
    max_stream_duration_seconds: float = 7200.0
    max_concurrent_streams: int = 1024
    """Appels ouverts à la fois sur une connexion HTTP/2 : au-delà, un client gRPC attend sans rien dire."""
    max_calls: int = 8192
    """Appels menés à la fois par un front, ou par le plan de contrôle."""
    max_calls_per_address: int = 2048
    """Ceux d'une même adresse, quand aucune clé n'est exigée."""
    max_open_calls: int = 512
    """Appels ouverts à tous menés à la fois par un front, ou par le plan de contrôle."""
    max_open_calls_per_address: int = 128
    max_total_open_calls: int = 1024
    """Appels sans fin ouverts à tous que l'entrée laisse passer, tous fronts réunis."""
    max_envoy_heap_bytes: int = 1024 * 1024 * 1024
    """Octets de mémoire d'Envoy au-delà desquels il coupe les appels qui en tiennent le plus."""
    request_buffer_bytes: int = 4 * 1024 * 1024
    """Octets de réponse en attente d'un client lent, par requête, avant de l'abandonner."""
    coalesce_ms: float = 25.0
    """Fenêtre de regroupement des trames d'un flux ; 0 la supprime."""
    max_pending_loads: int = 256
    """Requêtes en attente d'un chargement, au plus, par front."""
    max_decoded_bytes: int = 16 * 1024 * 1024 * 1024
    """Octets d'audio décodé, en flottants de 32 bits, tous canaux compris : la borne des fichiers qui gonflent."""
    max_decode_seconds: int = 900
    """Secondes de processeur permises au décodage d'un fichier."""
    max_spool_bytes: int = 64 * 1024 * 1024 * 1024
    """Octets de la réserve d'un front : la somme des envois en cours."""
    max_form_parts: int = 64
    max_form_field_bytes: int = 64 * 1024
    max_speakers: int = 32
    max_known_speakers: int = 4
    """Locuteurs nommés par une requête, chacun avec un extrait de sa voix."""
    min_known_speaker_seconds: float = 2.0
    """Durée d'un extrait."""
    max_known_speaker_seconds: float = 10.0
    max_known_speaker_clip_bytes: int = 4 * 1024 * 1024
    max_known_speaker_name_characters: int = 100
    max_voice_backlog: int = 64
    """Fenêtres de parole d'un direct qui attendent leur empreinte ; au-delà, une sur deux suit sa voisine."""
    max_voice_points: int = 600
    """Empreintes gardées par flux en direct ; au-delà, les plus anciennes d'une même voix se joignent."""
    max_prompt_characters: int = 4096
    max_phrases: int = 100
    low_confidence: float = 0.5
    """Confiance sous laquelle un mot est à vérifier ; 0 : aucun ne l'est."""
    max_replicas: int = 64
    max_idle_unload_seconds: float = 30 * 86400.0
    max_named_keys: int = 1000
    """Clés nommées admises à la fois ; autant d'anciennes, révoquées ou expirées, restent dans la table."""
    max_key_characters: int = 200
    """Caractères du propriétaire ou de la note d'une clé."""
    max_key_lifetime_seconds: float = 36500 * 86400.0
    """Durée de vie demandée pour une clé, ou pour sa valeur d'avant un renouvellement."""
    max_web_sockets: int = 64
    """WebSockets de direct ouverts à la fois, clé vérifiée."""
    max_web_sockets_per_address: int = 16
    """Ceux d'une même adresse dont le premier message est attendu ; tous, si aucune clé n'est exigée."""
    max_opening_web_sockets: int = 512
    """WebSockets dont le premier message est attendu."""
    max_web_socket_message_bytes: int = 1024 * 1024
    web_socket_config_seconds: float = 5.0
    """Attente du premier message d'un WebSocket de direct."""
    web_socket_stall_seconds: float = 30.0
    """Temps laissé à un client pour prendre un événement, avant de l'abandonner."""
    requests_kept: int = 10_000
    """Requêtes finies que le plan de contrôle montre, et qu'un front garde tant qu'il ne les a pas sues écrites."""
    usage_days: int = 90
    """Jours où l'usage est gardé."""
    quota_lease_percent: float = 5.0
    """Part d'une limite qu'un front prend d'avance, en centièmes."""
    quota_lease_seconds: float = 5.0
    """Temps où un front garde ce qu'il n'emploie pas."""
    quota_wait_seconds: float = 5.0
    """Attente d'un bail, quand le plan de contrôle ne répond pas."""
    quota_unstated_tokens: int = 1024
    """Jetons réservés à une réponse dont la requête ne dit pas la longueur."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Adresse par où des clients arrivent ; celle d'un répartiteur, s'il y en a un."""

    host: str
    """Nom, ou adresse IP sans crochets."""
    port: int
    scheme: str = "http"

    def url(self, path: str, *, scheme: str = "") -> str:
        """Adresse entière ; le port que le schéma sous-entend n'y est pas écrit."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == {"http": 80, "https": 443}.get(self.scheme) else f":{self.port}"
        return f"{scheme or self.scheme}://{host}{port}{path}"


SCOPES = ("chat", "transcribe", "diarize", "status", "admin")
"""Portées qu'un jeton peut avoir."""


@dataclass(frozen=True, slots=True)
class TokenProvider:
    """Fournisseur d'identité dont les jetons sont admis, et ce qu'il faut en lire."""

    issuer: str
    """Émetteur (`iss`)."""
    audiences: tuple[str, ...]
    """Destinataires admis (`aud`)."""
    jwks_url: str = ""
    """Adresse de ses clés publiques ; vide : celles d'un fichier."""
    jwks_file: Path | None = None
    """Fichier de ses clés publiques."""
    authorities: Path | None = None
    """Autorités crues pour une adresse https."""
    refresh_seconds: float = 300.0
    """Secondes entre deux lectures de ses clés."""
    timeout_seconds: float = 5.0
    """Secondes laissées à une lecture."""
    clock_skew_seconds: int = 60
    """Écart d'horloge admis, en secondes."""
    owner_claim: str = "sub"
    """Champ qui dit à qui est le jeton."""
    scope_claims: tuple[str, ...] = ("scope", "scp", "roles")
    """Champs qui disent ce qu'il ouvre ; ceux qui y sont s'ajoutent."""
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {scope: (scope,) for scope in SCOPES})
    """Portées que vaut chaque valeur de ces champs ; une autre valeur n'ouvre rien."""
