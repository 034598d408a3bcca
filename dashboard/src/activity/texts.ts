// Les textes d'« Activité » et de la bande d'opérations.
import { type Operation, OperationKind, OperationState } from "../gen/passerelle/v1/operation_pb";
import { typeset } from "../typography";

const ENDS: Record<OperationState, string> = typeset({
  [OperationState.UNSPECIFIED]: "état inconnu",
  [OperationState.RUNNING]: "en cours",
  [OperationState.SUCCEEDED]: "terminé",
  [OperationState.FAILED]: "échec",
  [OperationState.CANCELLED]: "annulé",
});
const AGREEING = new Set([OperationState.SUCCEEDED, OperationState.CANCELLED]);
const FEMININE = new Set([OperationKind.RESTART, OperationKind.UNSPECIFIED]);

/** Comment une opération a fini, accordé au nom de son genre. */
export function endOf({ kind, state }: Operation): string {
  return FEMININE.has(kind) && AGREEING.has(state) ? `${ENDS[state]}e` : ENDS[state];
}

/** Genres qu'on peut chercher, et leur nom dans l'adresse. */
export const KINDS: [string, OperationKind][] = typeset([
  ["telechargement", OperationKind.DOWNLOAD],
  ["chargement", OperationKind.LOAD],
  ["dechargement", OperationKind.UNLOAD],
  ["relance", OperationKind.RESTART],
  ["endormissement", OperationKind.SLEEP],
  ["reveil", OperationKind.WAKE],
]);

/** États qu'on peut chercher, et leur nom dans l'adresse. */
export const STATES: [string, OperationState, string][] = typeset([
  ["en-cours", OperationState.RUNNING, "En cours"],
  ["echec", OperationState.FAILED, "En échec"],
  ["reussie", OperationState.SUCCEEDED, "Réussies"],
  ["annulee", OperationState.CANCELLED, "Annulées"],
]);

export const T = typeset({
  title: "Activité",
  filters: "Filtres",
  model: "Modèle",
  kind: "Genre",
  state: "État",
  all: "Tous",
  clear: "Tout montrer",
  running: "En cours",
  failed: "À regarder",
  done: "Terminées",
  idle: "Rien n'est en cours.",
  noFailure: "Aucun échec.",
  noDone: "Aucune opération terminée.",
  more: "Voir les précédentes",
  loading: "Lecture des opérations…",
  of: (kind: string, model: string) => `${kind} de ${model}`,
  ended: (kind: string, model: string, end: string) => `${kind} de ${model} : ${end}.`,
  others: (count: number) => (count > 1 ? `et ${count} autres` : "et 1 autre"),
  lasted: (time: string) => `en ${time}`,
  see: "Voir l'activité",
  dismiss: "Fermer",
  retry: "Recommencer",
  facts: {
    started: "Début",
    finished: "Fin",
    lasted: "Durée",
    phase: "Dernière étape",
    phases: "Temps par étape",
    bytes: "Octets",
    bytesOf: (done: string, total: string) => `${done} sur ${total}`,
    freed: "Mémoire rendue",
    elapsed: "Rendue en",
    id: "Identifiant",
    error: "Motif",
    remedy: "Que faire",
  },
} as const);
