/** Vrai pour un champ que le dialogue montre, sous lequel le refus s'écrit. */
export function hasPlace(field: string): boolean {
  return ["gpus", "replicas", "idle_unload"].includes(field) || field.startsWith("options.");
}
