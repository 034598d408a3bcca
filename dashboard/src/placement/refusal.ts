import { errorInfo } from "../api/errorInfo";
import { messageOf } from "../api/errors";

/** Refus du serveur, et le champ qu'il vise. */
export interface Refusal {
  message: string;
  /** Champ fautif, tel que le contrat le nomme (`gpus`, `options.max_model_len`) ; vide s'il n'y en a pas. */
  field: string;
}

export function refusalOf(error: unknown): Refusal {
  return { message: messageOf(error), field: errorInfo(error)?.metadata.field ?? "" };
}

/** Vrai pour un champ que le dialogue montre, sous lequel le refus s'écrit. */
export function hasPlace(field: string): boolean {
  return ["gpus", "replicas", "idle_unload"].includes(field) || field.startsWith("options.");
}
