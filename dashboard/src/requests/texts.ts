// Les textes de « Requêtes ».
import { RequestSort } from "../gen/passerelle/v1/requests_pb";
import { typeset } from "../typography";

/** Sortes qu'on peut chercher, leur nom dans l'adresse et à l'écran. */
export const SORTS: [string, RequestSort, string][] = typeset([
  ["conversation", RequestSort.CHAT, "Conversation"],
  ["completion", RequestSort.COMPLETION, "Complétion"],
  ["transcription", RequestSort.TRANSCRIBE, "Transcription"],
  ["direct", RequestSort.LIVE, "Direct"],
  ["diarisation", RequestSort.DIARIZE, "Diarisation"],
]);

/** Étapes d'une requête, dans l'ordre. */
export const STAGES = typeset({
  received: "Requête reçue et lue",
  loaded: "Attente d'un exemplaire",
  queued: "File de l'exemplaire",
  first: "Jusqu'à la première sortie",
  rest: "Suite de la réponse",
  closed: "Fin chez le front",
});

export const T = typeset({
  title: "Requêtes",
  help: "Les dernières requêtes d'inférence et celles en cours : leurs mesures, jamais leur contenu.",
  filters: "Filtres",
  model: "Modèle",
  sort: "Sorte",
  state: "Issue",
  all: "Tous",
  everyone: "Toutes",
  moment: (gpu: number | undefined, since: string, until: string) =>
    `${gpu === undefined ? "Machine" : `GPU ${gpu}`}, de ${since} à ${until}`,
  always: "…",
  forget: (moment: string) => `Oublier ce choix : ${moment}`,
  states: [
    ["en-cours", "En cours"],
    ["echec", "En échec"],
  ] as [string, string][],
  live: "En direct",
  lost: "Lien perdu, reprise…",
  opening: "Ouverture…",
  empty: "Aucune requête.",
  missed: (count: number) =>
    count > 1 ? `${count} requêtes n'ont pas pu être suivies.` : "Une requête n'a pas pu être suivie.",
  columns: [
    "Arrivée",
    "Modèle",
    "Issue",
    "Premier jeton",
    "Durée",
    "Jetons lus, rendus",
    "Jetons/s",
    "Appelant",
    "Exemplaire",
  ],
  running: "En cours",
  departed: "Client parti",
  none: "—",
  open: (arrival: string, id: string) => `${arrival}, détail de la requête ${id}`,
  detail: "Requête",
  timeline: "Déroulement",
  replay: "La refaire",
  replayHelp: (text: string, file: string) =>
    `Ses options, et elles seules : le serveur ne garde aucun contenu. Mettez le vôtre à la place de « ${text} » ou de ${file}.`,
  audio: "Audio analysé",
  gpus: "GPU",
  cancel: "Interrompre",
  cancelled: "Interruption demandée.",
  close: "Fermer",
  failure: (reason: string) => `Motif : ${reason}`,
});
