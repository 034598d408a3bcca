import type { Theme } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";

// Une teinte par rang de modèle dans le profil ; chacune se détache à 3:1 au moins du fond, clair puis sombre.
const TINTS = [
  ["#4353d6", "#a3aeff"],
  ["#0a7f75", "#4fd1c5"],
  ["#b9530a", "#f6a55b"],
  ["#bf2372", "#f487b6"],
  ["#8339c9", "#cf9bff"],
  ["#3d7d1f", "#9cd67a"],
  ["#0a72ad", "#6cc4f5"],
  ["#80590f", "#dbb464"],
] as const;

/** Rang de la teinte d'un modèle : celui du modèle dans le profil, donc le même d'une page et d'un jour à l'autre. */
export function tintOf(models: readonly Model[], key: string): number {
  return Math.max(
    0,
    models.findIndex((model) => model.key === key),
  );
}

/** Style qui donne sa couleur à un modèle, dans les deux schémas. */
export function paint(tint: number) {
  const [light, dark] = TINTS[tint % TINTS.length] ?? TINTS[0];
  return (theme: Theme) => ({ color: light, ...theme.applyStyles("dark", { color: dark }) });
}
