import { Box, Chip, Typography } from "@mui/material";
import { STATES } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";
import { T } from "./texts";
import { elapsed, instant } from "./units";

const COLORS: Partial<Record<ModelState, "success" | "warning" | "info" | "primary">> = {
  [ModelState.READY]: "success",
  [ModelState.CACHED]: "primary",
  [ModelState.DOWNLOADING]: "info",
  [ModelState.LOADING]: "warning",
  [ModelState.UNLOADING]: "warning",
};

/** État d'un modèle, annoncé quand il change, et depuis quand. */
export function StateChip({ model: { key, state, stateSince }, now }: { model: Model; now: number }) {
  const passed = elapsed(stateSince, now);
  return (
    <Box sx={{ flexShrink: 0, textAlign: "right" }}>
      <Chip
        size="small"
        role="status"
        data-testid={`model-state-${key}`}
        label={STATES[state]}
        color={COLORS[state] ?? "default"}
        variant={state === ModelState.READY ? "filled" : "outlined"}
      />
      {stateSince && passed && (
        <Typography
          variant="caption"
          component="time"
          color="textSecondary"
          title={instant(stateSince)}
          sx={{ display: "block", mt: 0.25, fontVariantNumeric: "tabular-nums" }}
        >
          {T.since(passed)}
        </Typography>
      )}
    </Box>
  );
}
