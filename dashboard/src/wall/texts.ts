import type { ActivityMeasure } from "../status/history";
import { typeset } from "../typography";

/** Ce que la courbe d'une ligne peut montrer. */
export type Curved = "use" | ActivityMeasure;

/** Textes du mur. */
export const T = typeset({
  title: "Mur",
  help: "Une ligne par GPU. Un point d'une courbe mène aux requêtes de ce moment ; au clavier, ← et → le choisissent, Entrée y va. Les courbes gardent dix minutes ; l'histoire plus longue est celle de Prometheus (/metrics).",
  machine: "Machine",
  noGpu: "Aucun GPU : la ligne est celle du processeur et de la mémoire vive.",
  use: "occupation",
  cpu: "processeur",
  temperature: "température",
  power: "puissance",
  queue: "en file",
  rate: "jetons/s",
  audio: "s d'audio/s",
  first: "p95 1er jeton",
  none: "—",
  size: (total: string) => `sur ${total}`,
  curve: "Courbe",
  curves: [
    ["use", "Occupation"],
    ["queue", "File"],
    ["rate", "Jetons par seconde"],
    ["first", "Attente du premier jeton (p95)"],
  ] as [Curved, string][],
  spark: (place: string, what: string, low: string, high: string, clock: string) =>
    `${place}, ${what} de ${low} à ${high} : requêtes de ${clock}`,
  sparkEmpty: (place: string) => `${place} : pas encore de courbe`,
  at: (clock: string, value: string) => `${clock} : ${value}`,
  full: "Plein écran",
  fullHelp: "Sans commandes, pour un écran mural ; Échap en sort. Cette adresse l'ouvre d'emblée :",
  fresh: (clock: string) => `Mesuré à ${clock}`,
  stale: (age: string) => `Le serveur ne répond plus : mesures d'il y a ${age}. Reprise automatique.`,
  stopping: "Le serveur s'arrête, à la demande de son exploitant.",
  waiting: "En attente du serveur…",
  total: (queue: string, rate: string, first: string, power: string) =>
    [`${queue} en file`, `${rate} jetons/s`, first && `1er jeton (p95) ${first}`, power].filter(Boolean).join(" · "),
} as const);
