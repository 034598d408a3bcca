// Les textes que plusieurs pages partagent ; chacune a les siens dans son « texts.ts ».
import { Capability, ModelState } from "./gen/passerelle/v1/model_pb";
import { OperationKind } from "./gen/passerelle/v1/operation_pb";
import { typeset } from "./typography";

export const STATES: Record<ModelState, string> = typeset({
  [ModelState.UNSPECIFIED]: "Inconnu",
  [ModelState.UNAVAILABLE]: "À télécharger",
  [ModelState.DOWNLOADING]: "Téléchargement",
  [ModelState.CACHED]: "Téléchargé",
  [ModelState.LOADING]: "Chargement",
  [ModelState.READY]: "Prêt",
  [ModelState.ASLEEP]: "Endormi",
  [ModelState.UNLOADING]: "Déchargement",
});

export const OPERATIONS: Record<OperationKind, string> = typeset({
  [OperationKind.UNSPECIFIED]: "Opération",
  [OperationKind.DOWNLOAD]: "Téléchargement",
  [OperationKind.LOAD]: "Chargement",
  [OperationKind.UNLOAD]: "Déchargement",
  [OperationKind.RESTART]: "Relance",
  [OperationKind.SLEEP]: "Endormissement",
  [OperationKind.WAKE]: "Réveil",
});

export const CAPABILITIES: Record<Capability, string> = typeset({
  [Capability.UNSPECIFIED]: "Autre",
  [Capability.CHAT]: "Conversation",
  [Capability.TRANSCRIBE]: "Transcription",
  [Capability.DIARIZE]: "Diarisation",
});

/** Étapes d'une opération ; une étape inconnue se montre telle quelle. */
export const PHASES: Record<string, string> = typeset({
  held: "attente d'un autre téléchargement",
  resolving: "préparation",
  retrying: "attente du hub",
  downloading: "copie",
  verifying: "vérification",
  making_room: "place à faire",
  backoff: "attente avant relance",
  queued: "attente de son tour",
  checking: "relecture des poids",
  spawning: "lancement",
  opening: "ouverture du modèle",
  importing: "bibliothèques",
  preparing: "configuration et lexique",
  extracting: "archive à défaire",
  building: "construction du modèle",
  loading_weights: "lecture des poids",
  moving_to_gpu: "passage au GPU",
  profiling: "mesure de la mémoire",
  compiling: "compilation",
  allocating_cache: "cache KV et noyaux",
  capturing_graphs: "graphes CUDA",
  starting: "mise en service",
  warming_up: "première inférence",
  draining: "fin des requêtes en cours",
  stopping: "arrêt",
  waking: "réveil",
});

export const T = typeset({
  title: "Passerelle",
  errors: {
    cancelled: "L'appel a été annulé.",
    timeout: "Le serveur n'a pas répondu à temps ; réessayez.",
    busy: "Le serveur est trop occupé ; réessayez dans un instant.",
    refused: "Le serveur refuse cet appel ; vérifiez la clé d'accès.",
    unreachable: "Le serveur ne répond pas ; vérifiez qu'il tourne et que le réseau passe, puis réessayez.",
    unexpected: (code: string | undefined) => `Le serveur a répondu de façon inattendue (${code ?? "?"}) ; réessayez.`,
  },
} as const);
