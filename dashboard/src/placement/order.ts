import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import type {
  CheckLoadRequestSchema,
  CheckLoadResponse,
  LoadModelRequestSchema,
} from "../gen/passerelle/v1/model_verbs_pb";
import { optionsOf, parsed } from "./options";
import { P } from "./texts";

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

export function isLoaded({ state }: Model): boolean {
  return state === ModelState.READY;
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
