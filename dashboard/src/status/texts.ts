import { typeset } from "../typography";

/** Textes du suivi de l'état. */
export const T = typeset({
  connecting: "Connexion au serveur…",
  resuming: "Mise à jour de l'état…",
  lost: "Connexion au serveur perdue : agir sur les modèles attend son retour. La page la reprend toute seule.",
  /** L'exploitant a demandé l'arrêt : les requêtes en cours finissent encore. */
  stopping:
    "Le serveur s'arrête, à la demande de son exploitant : ce qui est en cours se termine, le reste attend son retour.",
  /** Le même, une fois arrêté. */
  restarting: "Le serveur redémarre ou se met à jour. La page le reprend toute seule à son retour.",
  updated: (version: string) => `Le serveur est revenu, en version ${version}.`,
  replaced: "Le serveur est revenu avec un autre tableau de bord.",
  stale: "Cette page est encore celle d'avant\u00a0: rechargez-la pour prendre la sienne.",
  later: "Plus tard",
  close: "Fermer",
  unreachable: "Le serveur ne répond pas. La page réessaie toute seule.",
  /** Ce que dit un bouton qui ne mènerait nulle part. */
  away: "Le serveur ne répond pas : cela attend son retour.",
  advice: [
    "Vérifiez que Passerelle tourne sur le serveur\u00a0: «\u00a0./run_docker.sh\u00a0», «\u00a0make run\u00a0», ou son journal.",
    "Vérifiez que cette adresse est la bonne, et que le réseau ou le VPN passe.",
  ],
  age: (time: string) => `État d'il y a ${time}.`,
  retry: "Réessayer",
  waiting: "En attente de l'état du serveur",
} as const);
