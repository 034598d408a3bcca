// Que faire quand une opération échoue, motif par motif ; le message du serveur dit ce qui s'est passé.
import type { ErrorReason } from "../gen/passerelle/v1/error_reason_pb";

type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

const REMEDIES: Partial<Record<Reason, string>> = {
  MODEL_NOT_DOWNLOADED: "Téléchargez d'abord le modèle, puis chargez-le.",
  MODEL_LOAD_FAILED: "Lisez le journal du modèle, réglez la cause, puis recommencez.",
  NO_GPU_VISIBLE: "Faites répondre nvidia-smi sur le serveur ; dans un conteneur, vérifiez nvidia-container-toolkit.",
  CUDA_UNUSABLE: "Mettez le pilote NVIDIA à jour, ou réinstallez avec « make setup-dgx ».",
  GPU_BUSY: "Choisissez d'autres GPU, ou déchargez le modèle qui tient celui-ci.",
  GPU_MEMORY_INSUFFICIENT: "Choisissez un GPU plus libre, ou déchargez un autre modèle.",
  GPU_DIRTY: "Tuez le processus nommé s'il y en a un ; le GPU redevient propre de lui-même.",
  DOWNLOAD_FAILED: "Recommencez : le téléchargement reprend aux octets déjà sur le disque.",
  HUB_TOKEN_MISSING: "Acceptez les conditions sur la page du dépôt, définissez HUGGINGFACE_TOKEN, puis redémarrez.",
  HUB_TOKEN_INVALID: "Créez un autre jeton de lecture, donnez-le dans HUGGINGFACE_TOKEN, puis redémarrez.",
  HUB_ACCESS_DENIED: "Acceptez les conditions du dépôt avec le compte du jeton.",
  HUB_NOT_FOUND: "Corrigez la source du modèle dans le profil.",
  HUB_UNREACHABLE: "Vérifiez le réseau, HF_ENDPOINT et https_proxy, puis recommencez : rien n'est perdu.",
  DISK_FULL: "Libérez la place que le message chiffre, puis recommencez.",
  INTEGRITY_MISMATCH: "Recommencez le téléchargement ; si cela dure, changez de miroir.",
  INVALID_STATE: "Attendez la fin de l'autre opération, ou annulez-la, puis recommencez.",
  OPERATION_CANCELLED: "Recommencez ; un téléchargement reprend où il en était.",
  DEADLINE_EXCEEDED: "Recommencez ; si cela dure, lisez le journal du modèle.",
  INTERNAL: "Cherchez « rpc_crashed » dans les journaux du serveur, et signalez ce qui s'y trouve.",
};

/** Remède d'un motif ; le journal du modèle à défaut. */
export function remedyOf(reason: string): string {
  return REMEDIES[reason as Reason] ?? "Lisez le journal du modèle, puis recommencez.";
}
