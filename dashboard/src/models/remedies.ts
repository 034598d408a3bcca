// Que faire de chaque motif d'erreur qu'un modèle peut montrer ; docs/depannage.md en dit plus.
import type { ErrorReason } from "../gen/passerelle/v1/error_reason_pb";
import { typeset } from "../typography";

type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

const REMEDIES: Partial<Record<Reason, string>> = typeset({
  INVALID_REQUEST: "Corrigez le champ que le message nomme, puis recommencez.",
  UNSUPPORTED_OPTION: "Retirez cette option, ou prenez un moteur qui l'a.",
  MISSING_API_KEY: "Donnez une clé d'administration en haut de la page, puis recommencez.",
  INVALID_API_KEY: "Vérifiez la clé en haut de la page : ces gestes demandent une clé d'administration.",
  REVOKED_API_KEY: "Demandez une autre clé à qui l'a révoquée, et donnez-la en haut de la page.",
  EXPIRED_API_KEY: "Donnez la nouvelle valeur de cette clé, ou une autre, en haut de la page.",
  SCOPE_NOT_ALLOWED: "Donnez en haut de la page une clé qui a la portée d'administration.",
  INVALID_TOKEN: "Demandez un autre jeton au fournisseur d'identité, et donnez-le en haut de la page.",
  TOKEN_EXPIRED: "Demandez un autre jeton au fournisseur d'identité, et donnez-le en haut de la page.",
  TOKEN_NOT_YET_VALID: "Réglez l'horloge de qui a fait ce jeton, ou attendez qu'il vaille.",
  TOKEN_AUDIENCE: "Demandez un jeton fait pour ce serveur, dont l'« aud » est celui de PASSERELLE_JWT_AUDIENCE.",
  TOKEN_ISSUER: "Comparez l'« iss » de ce jeton à PASSERELLE_JWT_ISSUER, barre finale comprise.",
  TOKEN_KEY_UNKNOWN:
    "Demandez un autre jeton ; une clé neuve du fournisseur est connue au bout de PASSERELLE_JWT_REFRESH_SECONDS.",
  TOKEN_KEYS_UNAVAILABLE:
    "Réessayez, ou donnez une clé ; « passerelle doctor » dit pourquoi le fournisseur ne se lit pas.",
  FOREIGN_ORIGIN:
    "Ouvrez la page à son adresse habituelle, ou ajoutez celle-ci à PASSERELLE_ALLOWED_ORIGINS, son nom à PASSERELLE_ALLOWED_HOSTS.",
  MODEL_NOT_FOUND: "Le profil a changé : rechargez la page.",
  MODEL_NOT_DOWNLOADED: "Téléchargez le modèle, puis chargez-le.",
  MODEL_LOADING: "Attendez la fin du chargement ; PASSERELLE_MAX_LOAD_WAIT_SECONDS borne l'attente des requêtes.",
  MODEL_LOAD_FAILED: "Lisez la cause dans son journal, corrigez-la, puis rechargez-le.",
  WORKER_LOST: "Il est relancé de lui-même ; si cela se répète, son journal dit pourquoi.",
  WORKER_KILLED:
    "Il est relancé de lui-même. Faute de mémoire vive, déchargez un autre modèle ou donnez-en davantage au serveur.",
  MODEL_UNLOADED: "Rechargez-le : il a été déchargé exprès.",
  SHUTTING_DOWN: "Le serveur s'est arrêté pendant l'opération : relancez-la.",
  CONTROL_UNAVAILABLE: "Le serveur démarre : réessayez dans un instant.",
  HOST_EXHAUSTED: "Libérez de la place ou de la mémoire sur le serveur, ou relevez « ulimit -n », puis recommencez.",
  ENGINE_FAILED: "Réessayez ; si cela se répète, son journal dit pourquoi.",
  ENGINE_UNAVAILABLE: "Installez l'environnement du moteur (make setup-dgx), ou corrigez « engine » dans le profil.",
  NO_GPU_VISIBLE:
    "Faites répondre nvidia-smi sur la machine ; dans un conteneur, installez nvidia-container-toolkit. Sans GPU, prenez le profil « embarque ».",
  CUDA_UNUSABLE: "Mettez le pilote NVIDIA à jour, ou réinstallez les moteurs avec make setup-dgx.",
  GPU_BUSY: "Choisissez d'autres GPU, ou déchargez les modèles que le message nomme.",
  GPU_MEMORY_INSUFFICIENT:
    "Choisissez un GPU plus libre, répartissez le modèle sur plusieurs, ou déchargez-en un autre.",
  GPU_DIRTY: "Tuez le processus que le message nomme, s'il y en a un ; le GPU redevient propre de lui-même.",
  DOWNLOAD_FAILED: "Corrigez ce que dit le message, puis reprenez : ce qui est sur le disque est gardé.",
  HUB_TOKEN_MISSING: "Acceptez les conditions sur la page du dépôt, définissez HUGGINGFACE_TOKEN, puis redémarrez.",
  HUB_TOKEN_INVALID: "Créez un jeton de lecture, donnez-le dans HUGGINGFACE_TOKEN, puis redémarrez.",
  HUB_ACCESS_DENIED:
    "Acceptez les conditions du dépôt avec le compte du jeton ; un jeton « fine-grained » doit nommer ce dépôt.",
  HUB_NOT_FOUND: "Corrigez le dépôt ou la révision dans le profil ; un dépôt privé est inconnu d'un jeton sans droit.",
  HUB_UNREACHABLE: "Vérifiez le réseau, HF_ENDPOINT et https_proxy, puis reprenez : rien n'est perdu.",
  DISK_FULL: "Libérez dans MODEL_CACHE_DIR la place que le message chiffre, puis reprenez.",
  INTEGRITY_MISMATCH:
    "Reprenez : le fichier abîmé a été retiré. Si cela dure, changez de miroir ou retirez le fichier nommé.",
  OPERATION_NOT_FOUND: "Elle vient de finir : il n'y a plus rien à annuler.",
  INVALID_STATE: "Attendez ou annulez l'opération en cours, puis recommencez.",
  OPERATION_CANCELLED: "Relancez-la ; un téléchargement reprend où il en était.",
  DEADLINE_EXCEEDED: "Réessayez ; si cela se répète, le serveur est trop chargé.",
  INTERNAL: "Cherchez rpc_crashed dans logs/control.log, et signalez ce qui s'y trouve.",
});

const UNKNOWN = "Lisez le message et le journal, corrigez la cause, puis recommencez.";

/** Que faire de ce motif ; un motif que la page ne connaît pas a un conseil général. */
export function remedyOf(reason: string): string {
  return Object.hasOwn(REMEDIES, reason) ? (REMEDIES[reason as Reason] ?? UNKNOWN) : UNKNOWN;
}
