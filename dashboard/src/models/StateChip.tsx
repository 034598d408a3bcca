import { Chip } from "@mui/material";
import { STATES } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";

const COLORS: Partial<Record<ModelState, "success" | "warning" | "info" | "primary">> = {
  [ModelState.READY]: "success",
  [ModelState.CACHED]: "primary",
  [ModelState.DOWNLOADING]: "info",
  [ModelState.LOADING]: "warning",
  [ModelState.UNLOADING]: "warning",
};

/** État d'un modèle, annoncé quand il change. */
export function StateChip({ model }: { model: Model }) {
  const ready = model.state === ModelState.READY;
  return (
    <Chip
      size="small"
      role="status"
      data-testid={`model-state-${model.key}`}
      label={STATES[model.state]}
      color={COLORS[model.state] ?? "default"}
      variant={ready ? "filled" : "outlined"}
    />
  );
}
