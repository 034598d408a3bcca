import { Box, Chip } from "@mui/material";
import { STATES } from "../../fr";
import { type Model, ModelState } from "../../gen/passerelle/v1/model_pb";
import type { Operation } from "../../gen/passerelle/v1/operation_pb";
import { OperationProgressBar } from "../../models/OperationProgressBar";

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

/** Ce que le serveur fait d'un modèle en ce moment. */
export function ModelOperation({ operation }: { operation: Operation }) {
  return (
    <Box sx={{ display: "flex", mt: 1 }} data-testid="audio-operation">
      <OperationProgressBar operation={operation} />
    </Box>
  );
}
