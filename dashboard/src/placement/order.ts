import type { JsonObject, JsonValue, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type {
  CheckLoadRequestSchema,
  CheckLoadResponse,
  LoadModelRequestSchema,
} from "../gen/passerelle/v1/model_verbs_pb";
import { P } from "./texts";
import type { Verdict } from "./usePlacement";

/** Ce qu'une personne a changé ; ce qui est absent garde le choix que le serveur a retenu. */
export interface Draft {
  gpus?: number[] | undefined;
  replicas?: string | undefined;
  /** Saisies, par option. */
  options: Record<string, string>;
  pinned?: boolean;
  idleMinutes?: string;
}

export const UNCHANGED: Draft = { options: {} };

export interface Order {
  check: MessageInitShape<typeof CheckLoadRequestSchema> & { options: JsonObject };
  load: MessageInitShape<typeof LoadModelRequestSchema>;
  /** Saisies refusées avant tout appel, par champ. */
  faults: Record<string, string>;
}

/** Demandes qui suivent ce choix. */
export function orderOf(model: Model, draft: Draft): Order {
  const faults: Record<string, string> = {};
  const read = <V>(field: string, reading: () => V): V | undefined => {
    try {
      return reading();
    } catch (error) {
      faults[field] = (error as Error).message;
      return undefined;
    }
  };
  const options: JsonObject = {};
  for (const option of optionsOf(model)) {
    const text = draft.options[option.name];
    const value = text === undefined ? undefined : read(`options.${option.name}`, () => parsed(option, text));
    if (value !== undefined) options[option.name] = value;
  }
  if (draft.gpus?.length === 0) faults.gpus = P.gpu.empty;
  const replicas = read("replicas", () => whole(draft.replicas));
  const minutes = read("idle_unload", () => positive(draft.idleMinutes));
  const check = { model: model.key, gpus: draft.gpus ?? [], options, ...(replicas && { replicas }) };
  const load = {
    ...check,
    ...(draft.pinned !== undefined && { pinned: draft.pinned }),
    ...(minutes !== undefined && { idleUnload: durationFromMs(Math.round(minutes * 60_000)) }),
  };
  return { check, load, faults };
}

/** GPU cochés : les choisis, sinon ceux que tient le modèle et ceux que le serveur prendrait, sinon les retenus. */
export function chosenGpus(model: Model, draft: Draft, verdict: CheckLoadResponse | undefined): number[] {
  if (draft.gpus) return draft.gpus;
  const held = model.replicas.flatMap((replica) => replica.gpus);
  const foreseen = [...held, ...(verdict?.gpus.map((one) => one.index) ?? [])];
  return [...new Set(foreseen.length > 0 ? foreseen : model.selectedGpus)].sort((a, b) => a - b);
}

/** Minutes sans requête avant déchargement ; 0 : jamais. */
export function idleMinutes({ idleUnload }: Model): number {
  return idleUnload ? durationMs(idleUnload) / 60_000 : 0;
}

function whole(text: string | undefined): number | undefined {
  if (!text?.trim()) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(P.replicas.notWhole(text));
  return number;
}

function positive(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text.trim().replace(",", "."));
  if (!Number.isFinite(number) || number < 0) throw new Error(P.keep.notMinutes(text));
  return number;
}

/** Option du moteur qu'un chargement peut changer. */
export interface EngineOption {
  name: string;
  /** Valeur retenue ; `undefined` si c'est celle du moteur, que la page ne connaît pas. */
  value: JsonValue | undefined;
  /** Valeur du profil. */
  fallback: JsonValue | undefined;
  /** Genre de saisie : celui de la valeur, ou que le serveur connaît ; JSON si elle est inconnue ou composée. */
  kind: "number" | "boolean" | "text" | "json";
}

/** Options d'un modèle, dans l'ordre du profil. */
export function optionsOf({ loadOptions, loadSwitches, options, loadOptionDefaults }: Model): EngineOption[] {
  return loadOptions.map((name) => {
    const fallback = loadOptionDefaults?.[name];
    const value = options?.[name] ?? fallback;
    return { name, value, fallback, kind: loadSwitches.includes(name) ? "boolean" : kindOf(value) };
  });
}

/** Valeur telle qu'on l'écrit. */
export function written(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value).replace(".", ",");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Valeur d'une saisie ; `undefined` si elle garde la valeur retenue.
 *
 * @throws {Error} la saisie n'est pas du genre attendu.
 */
export function parsed({ kind, value }: EngineOption, text: string): JsonValue | undefined {
  if (text === written(value)) return undefined;
  if (kind === "text") return text;
  if (text.trim() === "") return undefined;
  if (kind === "number") {
    const number = Number(text.trim().replace(",", "."));
    if (!Number.isFinite(number)) throw new Error(P.options.notNumber(text));
    return number;
  }
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new Error(P.options.notJson);
  }
}

function kindOf(value: JsonValue | undefined): EngineOption["kind"] {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "string" ? "text" : "json";
}

/** Verdict en une phrase ; le pourquoi d'un refus vient à part. */
export function summaryOf(model: Model, { response, refusal }: Verdict): string {
  if (refusal) return hasPlace(refusal.field) ? P.verdict.wrong : P.verdict.none;
  if (!response) return P.verdict.checking;
  const { fits, gpus, replicas, gpusPerReplica } = response;
  if (!fits) {
    const full = gpus.filter((one) => !one.fits).map((one) => one.index);
    return full.length > 0 ? P.verdict.refusedOn(full) : P.verdict.refused;
  }
  const layout = P.replicas.layout(replicas, gpusPerReplica);
  const serving = model.replicas.length;
  if (serving > replicas) return P.verdict.fewer(layout, serving - replicas);
  if (serving === replicas && gpus.length === 0) return P.verdict.same(layout);
  return P.verdict.fits(
    layout,
    gpus.map((one) => one.index),
  );
}

/** Vrai pour un champ que le dialogue montre, sous lequel le refus s'écrit. */
export function hasPlace(field: string): boolean {
  return ["gpus", "replicas", "idle_unload"].includes(field) || field.startsWith("options.");
}
