import { Box, Chip, LinearProgress, Stack, Typography } from "@mui/material";
import { percent } from "../../format";
import { OPERATIONS, PHASES, STATES } from "../../fr";
import { type Model, ModelState, type Operation } from "../../gen/passerelle/v1/admin_pb";

/** État d'un modèle, en un mot. */
export function ModelChip({ model: { key, state } }: { model: Model }) {
  const ready = state === ModelState.READY;
  return (
    <Chip
      size="small"
      variant="outlined"
      icon={<Box component="span" sx={{ width: 8, height: 8, borderRadius: "50%", bgcolor: "currentColor" }} />}
      label={STATES[state]}
      data-testid={`audio-state-${key}`}
      sx={{ fontWeight: 600, "& .MuiChip-icon": { color: ready ? "success.main" : "text.disabled", ml: 1, mr: -0.25 } }}
    />
  );
}

/** Ce que le serveur fait d'un modèle en ce moment : son étape, et la part faite si elle se mesure. */
export function ModelOperation({ operation: { kind, progress } }: { operation: Operation }) {
  const done = percent(progress?.completedBytes, progress?.totalBytes);
  const phase = progress?.phase;
  const said = phase ? `${OPERATIONS[kind]} : ${PHASES[phase] ?? phase}` : OPERATIONS[kind];
  return (
    <Stack spacing={0.5} sx={{ mt: 1 }} data-testid="audio-operation">
      <LinearProgress
        aria-label={OPERATIONS[kind]}
        variant={done === undefined ? "indeterminate" : "determinate"}
        value={done ?? 0}
        sx={{ borderRadius: 1, height: 6 }}
      />
      <Typography variant="caption" color="textSecondary" role="status">
        {said}
      </Typography>
    </Stack>
  );
}
