// Tous les textes de la page.
import { ModelState, OperationKind } from "./gen/passerelle/v1/admin_pb";

export const STATES: Record<ModelState, string> = {
  [ModelState.UNSPECIFIED]: "Inconnu",
  [ModelState.UNAVAILABLE]: "À télécharger",
  [ModelState.DOWNLOADING]: "Téléchargement",
  [ModelState.CACHED]: "Téléchargé",
  [ModelState.LOADING]: "Chargement",
  [ModelState.READY]: "Prêt",
  [ModelState.ASLEEP]: "Endormi",
  [ModelState.UNLOADING]: "Déchargement",
};

export const OPERATIONS: Record<OperationKind, string> = {
  [OperationKind.UNSPECIFIED]: "Opération",
  [OperationKind.DOWNLOAD]: "Téléchargement",
  [OperationKind.LOAD]: "Chargement",
  [OperationKind.UNLOAD]: "Déchargement",
  [OperationKind.RESTART]: "Relance",
};

export const PHASES: Record<string, string> = {
  resolving: "préparation",
  downloading: "copie",
  verifying: "vérification",
  spawning: "lancement",
  opening: "ouverture du modèle",
  warming_up: "première inférence",
  draining: "fin des requêtes en cours",
  stopping: "arrêt",
};

export const T = {
  title: "Passerelle",
  subtitle: "conversation, parole et locuteurs sur votre serveur",
  connecting: "Connexion au serveur…",
  disconnected: "Connexion perdue ; nouvel essai dans un instant.",
  demonstration: "modèle de démonstration, anglais seulement",
  models: "Modèles",
  download: "Télécharger",
  load: "Charger",
  unload: "Décharger",
  cancel: "Annuler",
  requests: (running: number, waiting: number) => `${running} en cours, ${waiting} en attente`,
  key: "Clé d'accès",
  keyHelp: "Gardée dans cet onglet seulement.",
  chat: "Conversation",
  chatEmpty: "Choisissez un exemple ou écrivez, en anglais.",
  chatNotReady: "Le modèle se charge à la première question ; cela peut prendre quelques secondes.",
  placeholder: "Votre question (en anglais)",
  send: "Envoyer",
  stop: "Arrêter",
  stopped: "(réponse arrêtée)",
  prompts: ["What is the capital of France?", "Write a short poem about the sea.", "Explain what a gateway is."],
} as const;
