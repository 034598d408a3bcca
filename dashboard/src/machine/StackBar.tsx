import { Box, Stack, type Theme, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { paint, tintOf } from "./colors";
import { modelOf, type Part } from "./stacks";
import { T } from "./texts";

export interface StackBarProps {
  parts: readonly Part[];
  label: string;
  format: (bytes: number) => string;
  models: readonly Model[];
  /** Nom de ce qui n'est pas à nous. */
  foreign?: string;
  /** Nomme chaque part sous la barre. */
  named?: boolean;
  testid?: string;
}

/** Une mémoire empilée par exemplaire ; chaque part est aussi écrite. */
export function StackBar({ parts, label, format, models, foreign = T.foreign, named, testid }: StackBarProps) {
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  const written = (part: Part) => `${nameOf(part, foreign)} ${format(part.bytes)}`;
  return (
    <Box sx={{ minWidth: 0 }}>
      <Stack
        direction="row"
        role="img"
        aria-label={T.stack(label, parts.map(written).join(", "))}
        data-testid={testid}
        sx={{ height: 10, gap: "2px", borderRadius: 1, overflow: "hidden" }}
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
      </Stack>
      {named && (
        <Stack
          direction="row"
          component="ul"
          sx={{ flexWrap: "wrap", columnGap: 1.5, m: 0, mt: 0.75, p: 0, listStyle: "none" }}
        >
          {parts.map((part) => (
            <Stack
              key={keyOf(part)}
              component="li"
              direction="row"
              sx={{ alignItems: "center", gap: 0.75, minWidth: 0 }}
            >
              <Box aria-hidden sx={[{ width: 10, height: 10, borderRadius: 0.5, flexShrink: 0 }, fill(part, models)]} />
              <Typography variant="caption" color="textSecondary" noWrap sx={{ fontVariantNumeric: "tabular-nums" }}>
                {written(part)}
              </Typography>
            </Stack>
          ))}
        </Stack>
      )}
    </Box>
  );
}

function keyOf({ kind, replica }: Part): string {
  return `${kind}/${replica ?? ""}`;
}

function nameOf({ kind, replica = "" }: Part, foreign: string): string {
  switch (kind) {
    case "model":
      return replica;
    case "reserved":
      return T.reserved(replica);
    case "foreign":
      return foreign;
    case "unexplained":
      return T.unexplained;
    case "weights":
      return T.weights;
    case "free":
      return T.free;
  }
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
