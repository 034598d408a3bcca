import type { JsonValue } from "@bufbuild/protobuf";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { P } from "./texts";

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
