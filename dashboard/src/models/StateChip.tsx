import { Box, Chip, Typography } from "@mui/material";
import { STATES } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { T } from "./texts";
import { elapsed, instant, iso } from "./times";

const COLORS: Partial<Record<ModelState, string>> = {
  [ModelState.READY]: "success.main",
  [ModelState.CACHED]: "primary.main",
  [ModelState.DOWNLOADING]: "primary.main",
  [ModelState.LOADING]: "warning.main",
  [ModelState.UNLOADING]: "warning.main",
};

/** État d'un modèle, et depuis quand. */
export function StateChip({ model: { key, state, stateSince }, now }: { model: Model; now: number }) {
  const passed = elapsed(stateSince, now);
  return (
    <>
      <Chip
        size="small"
        variant="outlined"
        data-testid={`model-state-${key}`}
        // La couleur n'est que dans la pastille : le texte garde son contraste dans les deux apparences.
        icon={<Box component="span" sx={{ width: 8, height: 8, borderRadius: "50%", bgcolor: "currentColor" }} />}
        label={STATES[state]}
        sx={{ fontWeight: 600, "& .MuiChip-icon": { color: COLORS[state] ?? "text.disabled", ml: 1, mr: -0.25 } }}
      />
      {stateSince && passed && (
        <Typography
          variant="caption"
          component="time"
          color="textSecondary"
          dateTime={iso(stateSince)}
          title={instant(stateSince)}
          sx={{ alignSelf: "center", mr: 0.5, fontVariantNumeric: "tabular-nums" }}
        >
          {T.since(passed)}
        </Typography>
      )}
    </>
  );
}
