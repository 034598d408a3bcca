import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { CAPABILITIES, STATES } from "../fr";
import { type Capability, type Model, ModelState } from "../gen/passerelle/v1/model_pb";

export interface Requests {
  running: number;
  waiting: number;
  maxRunning: number;
  maxWaiting: number;
}

/** Requêtes de tous les exemplaires d'un modèle, et ce qu'ils admettent en tout. */
export function requestsOf({ replicas }: Pick<Model, "replicas">): Requests {
  const total: Requests = { running: 0, waiting: 0, maxRunning: 0, maxWaiting: 0 };
  for (const replica of replicas) {
    total.running += replica.runningRequests;
    total.waiting += replica.waitingRequests;
    total.maxRunning += replica.maxRunning;
    total.maxWaiting += replica.maxWaiting;
  }
  return total;
}

export interface Freed {
  /** Vrai si ce sont des octets de GPU, tels que NVML les compte. */
  gpu: boolean;
  bytes: number;
}

/** Ce que décharger rendrait, tel que le serveur le mesure ; `undefined` s'il ne le mesure pas. */
export function freedBy({ replicas }: Model): Freed | undefined {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const held = replicas.map((replica) => replica.gpuBytes).filter((value) => value !== undefined);
  // Un total auquel un exemplaire manquerait serait faux : tous, ou aucun.
  if (replicas.length > 0 && held.length === replicas.length) return { gpu: true, bytes: sum(held) };
  const resident = sum(replicas.map((replica) => replica.residentBytes));
  return resident > 0 ? { gpu: false, bytes: resident } : undefined;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Temps passé de `then` à `now` (secondes depuis 1970), à une unité près ; vide en dessous d'une minute. */
export function elapsed(then: Timestamp | undefined, now: number): string {
  const passed = then ? now - timestampMs(then) / 1000 : 0;
  if (passed < MINUTE) return "";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`;
  if (passed < DAY)
    return `${Math.floor(passed / HOUR)} h ${String(Math.floor((passed % HOUR) / MINUTE)).padStart(2, "0")}`;
  const days = Math.floor(passed / DAY);
  return days > 1 ? `${days} jours` : "1 jour";
}

/** Instant, tel qu'une balise `time` le veut. */
export function iso(value: Timestamp): string {
  return new Date(timestampMs(value)).toISOString();
}

/** Instant entier, à l'heure de la personne. */
export function instant(value: Timestamp): string {
  return new Date(timestampMs(value)).toLocaleString("fr-FR");
}

/** Modèles où se trouve chaque mot cherché : nom, clé, alias, capacité, état, moteur ou dépôt, sans égard aux accents. */
export function matching(models: readonly Model[], wanted: string): Model[] {
  const words = plain(wanted).split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const { key, displayName, aliases, engine, source } = model;
    const said = [key, displayName, ...aliases, engine, source?.repository ?? ""];
    const text = plain([...said, CAPABILITIES[model.capability], STATES[model.state]].join(" "));
    return words.every((word) => text.includes(word));
  });
}

/** Modèles par capacité, dans l'ordre du contrat ; ceux d'une même capacité gardent celui du profil. */
export function grouped(models: readonly Model[]): [Capability, Model[]][] {
  const found = new Map<Capability, Model[]>();
  for (const model of models) found.set(model.capability, [...(found.get(model.capability) ?? []), model]);
  return [...found].sort(([one], [other]) => one - other);
}

function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase();
}

/** Vrai si un téléchargement interrompu a laissé des octets à reprendre. */
export function isPartial({ artifactsCached, cachedBytes, operation }: Model): boolean {
  return !artifactsCached && cachedBytes > 0 && !operation;
}

export function isLoaded({ state }: Model): boolean {
  return state === ModelState.READY;
}
