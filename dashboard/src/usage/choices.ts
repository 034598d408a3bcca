// Ce qu'on peut demander de l'usage, tel que l'adresse de la page le dit.
import { UsageGroup as Group, type UsageGroup, type UsageRow, UsageStep } from "../gen/passerelle/v1/usage_pb";

const HOUR = 3_600;
const DAY = 86_400;

/** Secondes d'une période, et son pas usuel : un trimestre d'heures ferait deux mille points par courbe. */
export const PERIODS = {
  jour: { seconds: DAY, step: "heure" },
  semaine: { seconds: 7 * DAY, step: "heure" },
  trimestre: { seconds: 90 * DAY, step: "jour" },
} as const;

export const STEPS = {
  heure: { seconds: HOUR, step: UsageStep.HOUR },
  jour: { seconds: DAY, step: UsageStep.DAY },
} as const;

export const GROUPS: Record<"cle" | "modele" | "cle-modele", UsageGroup[]> = {
  cle: [Group.KEY],
  modele: [Group.MODEL],
  "cle-modele": [Group.KEY, Group.MODEL],
};

/** Valeur d'une ligne ; `undefined` : rien n'a été mesuré. */
type Measured = (row: UsageRow) => number | undefined;

const seconds = (wait: UsageRow["firstP50"]) => wait && Number(wait.seconds) + wait.nanos / 1e9;

/** Mesures qui font une courbe par groupe, et si une ligne absente y vaut zéro. */
export const MEASURES = {
  requetes: { of: (row) => row.requests, sum: true },
  issues: { of: (row) => row.requests, sum: true },
  lus: { of: (row) => row.tokensIn, sum: true },
  rendus: { of: (row) => row.tokensOut, sum: true },
  audio: { of: (row) => row.audioSeconds, sum: true },
  "premier-50": { of: (row) => seconds(row.firstP50), sum: false },
  "premier-95": { of: (row) => seconds(row.firstP95), sum: false },
  "duree-50": { of: (row) => seconds(row.durationP50), sum: false },
  "duree-95": { of: (row) => seconds(row.durationP95), sum: false },
} satisfies Record<string, { of: Measured; sum: boolean }>;

export type Period = keyof typeof PERIODS;
export type Step = keyof typeof STEPS;
export type GroupName = keyof typeof GROUPS;
export type Measure = keyof typeof MEASURES;

/** Ce qui est demandé au serveur. */
export interface Wanted {
  period: Period;
  step: Step;
  group: GroupName;
  /** Une seule clé, un seul modèle ; vides : tous. */
  key: string;
  model: string;
}

/** Début de la période, ramené à son pas, en secondes depuis 1970. */
export function sinceOf({ period, step }: Wanted, now: number): number {
  const width = STEPS[step].seconds;
  // Le pas en cours compte parmi ceux de la période.
  return Math.floor(now / width) * width + width - PERIODS[period].seconds;
}

/** La valeur de l'adresse si elle est de celles-ci, sinon l'usuelle. */
export function among<Name extends string>(names: Record<Name, unknown>, value: string, usual: Name): Name {
  return Object.hasOwn(names, value) ? (value as Name) : usual;
}
