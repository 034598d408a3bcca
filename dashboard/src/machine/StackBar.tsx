import { Box, Stack, type Theme } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Hint } from "../shell/kit";
import { type Kind, modelOf, type Part } from "./stacks";
import { T } from "./texts";

export interface StackBarProps {
  parts: readonly Part[];
  label: string;
  format: (bytes: number) => string;
  models: readonly Model[];
  /** Autres noms que ceux de `T.parts`. */
  names?: Partial<Record<Kind, string>>;
  /** Nomme chaque part sous la barre : toutes, ou seulement ce qui est pris. */
  named?: boolean | "taken";
  /** Taille qu'un trait marque, si les parts la dépassent. */
  capacity?: number;
  /** Hauteur de la barre. */
  height?: number | string;
  testid?: string;
}

/** Une mémoire empilée part après part ; chacune est aussi écrite. */
export function StackBar({ parts, label, format, models, names, named, capacity, height = 10, testid }: StackBarProps) {
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  const written = (part: Part) => writtenPart(part, format, names);
  return (
    <Box sx={{ minWidth: 0 }}>
      <Stack
        direction="row"
        role="img"
        aria-label={T.stack(label, parts.map(written).join(", "))}
        data-testid={testid}
        sx={{ position: "relative", height, gap: "2px", borderRadius: 1, overflow: "hidden" }}
      >
        {parts.map((part) => (
          // La largeur change sans cesse : en classe CSS, chaque valeur resterait en mémoire.
          <Box
            key={keyOf(part)}
            title={written(part)}
            style={{ width: `${(100 * part.bytes) / (total || 1)}%` }}
            sx={[fill(part, models), { minWidth: part.kind === "free" ? 0 : 2 }]}
          />
        ))}
        {capacity !== undefined && total > capacity && (
          <Box
            style={{ left: `${(100 * capacity) / total}%` }}
            sx={{ position: "absolute", height: "100%", width: 3, bgcolor: "error.main" }}
          />
        )}
      </Stack>
      {named && (
        <Stack
          direction="row"
          component="ul"
          sx={{ flexWrap: "wrap", columnGap: 1.5, m: 0, mt: 0.75, p: 0, listStyle: "none" }}
        >
          {parts
            .filter(({ kind }) => named === true || kind !== "free")
            .map((part) => (
              <Stack
                key={keyOf(part)}
                component="li"
                direction="row"
                sx={{ alignItems: "center", gap: 0.75, minWidth: 0 }}
              >
                <Box
                  aria-hidden
                  sx={[{ width: 10, height: 10, borderRadius: 0.5, flexShrink: 0 }, fill(part, models)]}
                />
                <Hint noWrap>{written(part)}</Hint>
              </Stack>
            ))}
        </Stack>
      )}
    </Box>
  );
}

/** Une part, écrite. */
export function writtenPart(part: Part, format: (bytes: number) => string, names?: Partial<Record<Kind, string>>) {
  return `${nameOf(part, { ...T.parts, ...names })} ${format(part.bytes)}`;
}

function keyOf({ kind, replica }: Part): string {
  return `${kind}/${replica ?? ""}`;
}

function nameOf({ kind, replica = "", alone }: Part, names: Record<Kind, string>): string {
  if (kind === "model" || kind === "reserved")
    return [replica, names[kind], alone && T.alone].filter(Boolean).join(", ");
  return names[kind];
}

/** Couleur ou hachures d'une part : les hachures disent, sans couleur, ce qui n'est pas tenu par un modèle. */
function fill({ kind, replica = "" }: Part, models: readonly Model[]) {
  const tint = paint(tintOf(models, modelOf(replica)));
  return (theme: Theme) => {
    const hatched = (color: string, step: number) =>
      `repeating-linear-gradient(135deg, ${color} 0 ${step}px, transparent ${step}px ${step * 2}px)`;
    const { text, action, warning } = (theme.vars ?? theme).palette;
    switch (kind) {
      case "model":
        return { ...tint(theme), bgcolor: "currentColor" };
      case "weights":
        return { bgcolor: "primary.main" };
      case "working":
        return { bgcolor: "info.main" };
      case "reserve":
        return { bgcolor: "secondary.main" };
      case "reserved":
        return { ...tint(theme), backgroundImage: hatched("currentColor", 2) };
      case "foreign":
        return { bgcolor: text.secondary };
      case "unexplained":
        return { backgroundImage: hatched(warning.main, 3) };
      case "free":
        return { bgcolor: action.selected };
    }
  };
}

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
