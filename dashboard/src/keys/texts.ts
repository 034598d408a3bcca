// Les textes de la page des clés.
import { KeyState } from "../gen/passerelle/v1/keys_pb";
import { Scope } from "../gen/passerelle/v1/route_pb";
import { typeset } from "../typography";

export const STATES: Record<KeyState, string> = typeset({
  [KeyState.UNSPECIFIED]: "inconnue",
  [KeyState.ACTIVE]: "admise",
  [KeyState.EXPIRED]: "expirée",
  [KeyState.REVOKED]: "révoquée",
});

/** Portées qu'une clé peut avoir, dans l'ordre où les montrer. */
export const SCOPES: [Scope, string][] = typeset([
  [Scope.CHAT, "conversation"],
  [Scope.TRANSCRIBE, "transcription"],
  [Scope.DIARIZE, "diarisation"],
  [Scope.STATUS, "mesures"],
  [Scope.ADMIN, "administration"],
]);

/** Durées de vie proposées, en jours ; 0 : sans échéance. */
export const LIFETIMES: [number, string][] = typeset([
  [7, "7 jours"],
  [30, "30 jours"],
  [90, "90 jours"],
  [365, "un an"],
  [0, "sans échéance"],
]);

export const QUOTA = typeset({
  help: "Quota. Une case vide ne pose pas de limite ; aucune remplie, la clé a le quota des réglages, s'il y en a un.",
  changeHelp:
    "Une case vide ne pose pas de limite. Enregistrée sans aucune, la clé n'en a plus, pas même celles des réglages.",
  limits: {
    requestsPerMinute: "Requêtes par minute",
    tokensPerMinute: "Jetons par minute",
    audioMinutesPerHour: "Minutes d'audio par heure",
    audioMinutesPerDay: "Minutes d'audio par jour",
    parallelRequests: "Requêtes à la fois",
    tokensPerDay: "Jetons par jour",
    tokensPerMonth: "Jetons par mois",
  },
  use: (label: string, used: number, limit: number) =>
    `${label} : ${used.toLocaleString("fr")} sur ${limit.toLocaleString("fr")}`,
  resets: (at: string) => `se rouvre au plus tard le ${at}`,
  none: "sans quota, pas même celui des réglages",
  label: "Quota",
  of: (id: string) => `Changer le quota de ${id}`,
  title: (id: string) => `Quota de ${id}`,
  save: "Enregistrer",
  usual: "Rendre celui des réglages",
} as const);

export const T = typeset({
  title: "Clés",
  loading: "Lecture des clés…",
  help: "Une clé créée, renouvelée ou révoquée ici vaut aussitôt, sans rien relancer. Celles d'OPENAI_KEYS et d'ADMIN_KEYS restent dans les réglages, et ne sont pas dans cette liste.",
  keyless:
    "Ce serveur n'a aucune clé, et cette liste est donc vide. La première se crée de sa machine, sous son compte, et le ferme à qui n'en a pas :",
  first: "passerelle keys create --scope admin",
  closed: "Voir et changer les clés demande une clé d'administration : donnez-la par le bouton en haut de la page.",
  none: "Aucune clé nommée.",
  create: {
    title: "Nouvelle clé",
    owner: "À qui elle est",
    note: "Note",
    scopes: "Portées",
    models: "Modèles",
    allModels: "Sans choix, tous les modèles.",
    lifetime: "Durée de vie",
    submit: "Créer la clé",
  },
  value: {
    title: (id: string) => `La valeur de ${id}`,
    once: "Copiez-la maintenant : rien ne la montrera une seconde fois.",
    copy: "Copier la clé",
    done: "Je l'ai gardée",
  },
  listed: "Clés de ce serveur",
  all: "tous les modèles",
  created: (at: string) => `créée le ${at}`,
  expires: (at: string) => `expire le ${at}`,
  expired: (at: string) => `a expiré le ${at}`,
  revokedAt: (at: string) => `révoquée le ${at}`,
  previous: (at: string) => `son ancienne valeur vaut jusqu'au ${at}`,
  rotate: {
    label: "Renouveler",
    of: (id: string) => `Renouveler ${id}`,
    title: (id: string) => `Renouveler ${id} ?`,
    text: "Elle reçoit une valeur neuve, sous le même identifiant. L'ancienne reste admise un jour, le temps de la remplacer chez ceux qui s'en servent.",
    go: "Renouveler",
    now: "Renouveler, et refuser l'ancienne aussitôt",
  },
  revoke: {
    label: "Révoquer",
    of: (id: string) => `Révoquer ${id}`,
    title: (id: string) => `Révoquer ${id} ?`,
    text: "Qui s'en sert est refusé dès son prochain appel, pour toujours. Une requête commencée finit.",
    go: "Révoquer",
  },
  keep: "Ne rien changer",
} as const);
