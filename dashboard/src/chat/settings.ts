import type { Options } from "./ask";
import { T } from "./texts";

/** Les réglages tels qu'ils sont tapés ; vide : le moteur choisit. */
export interface Settings {
  /** Clé du modèle ; vide : le premier. */
  model: string;
  system: string;
  temperature: string;
  topP: string;
  maxTokens: string;
  /** Une suite par ligne. */
  stop: string;
  seed: string;
}

/** Ce qui borne les réglages ; une borne inconnue est laissée au serveur. */
export interface Bounds {
  maxTokens?: number | undefined;
  maxStop?: number | undefined;
  /** Contexte du modèle, en jetons. */
  contextTokens?: number | undefined;
}

export type Problems = Partial<Record<keyof Settings, string>>;

/** Assez pour une vraie réponse ; un petit modèle qui se répète sans fin s'arrête là. */
const MAX_TOKENS = 1_024;

/** Réglages de départ, dans les limites du serveur ; la question garde la moitié d'un petit contexte. */
export function defaultsFor({ maxTokens: limit, contextTokens }: Bounds): Settings {
  const maxTokens = Math.min(
    MAX_TOKENS,
    limit ?? MAX_TOKENS,
    contextTokens ? Math.ceil(contextTokens / 2) : MAX_TOKENS,
  );
  return { model: "", system: "", temperature: "", topP: "", maxTokens: String(maxTokens), stop: "", seed: "" };
}

/** Les options que ces réglages demandent, et ce qui ne va pas. */
export function read(settings: Settings, bounds: Bounds): { options: Options; problems: Problems } {
  const problems: Problems = {};
  const number = (name: keyof Settings, low: number, high: number, whole: boolean): number | undefined => {
    const typed = settings[name].trim();
    if (!typed) return undefined;
    const value = Number(typed.replace(",", "."));
    if (Number.isNaN(value)) problems[name] = T.settings.number(typed);
    else if (whole && !Number.isInteger(value)) problems[name] = T.settings.integer(typed);
    else if (value < low || value > high) problems[name] = T.settings.range(low, high, typed);
    return value;
  };
  const stop = settings.stop.split("\n").filter(Boolean);
  const { maxStop = stop.length, maxTokens = Number.MAX_SAFE_INTEGER } = bounds;
  if (stop.length > maxStop) problems.stop = T.settings.count(maxStop, stop.length);
  return {
    problems,
    options: given({
      maxTokens: number("maxTokens", 1, maxTokens, true),
      temperature: number("temperature", 0, 2, false),
      topP: number("topP", 0, 1, false),
      stop: stop.length > 0 ? stop : undefined,
      // Au-delà, JavaScript et JSON ne portent plus un entier exactement.
      seed: number("seed", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
    }),
  };
}

function given(options: { [name in keyof Options]: Options[name] | undefined }): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
