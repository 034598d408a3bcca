import { Alert, Box, Link, Stack, Typography } from "@mui/material";
import { Link as RouteLink } from "wouter";
import { type Model, ModelState } from "../../gen/passerelle/v1/model_pb";
import { T } from "../texts";
import { Choice } from "./Choice";
import { ModelChip, ModelOperation } from "./ModelState";

const HINTS: Partial<Record<ModelState, string>> = {
  [ModelState.CACHED]: T.willLoad,
  [ModelState.ASLEEP]: T.willLoad,
  [ModelState.UNAVAILABLE]: T.willDownload,
};

interface Props {
  label: string;
  models: Model[];
  model: Model | undefined;
  disabled: boolean;
  /** Absent : ce modèle ne se choisit pas. */
  onChoose?: ((key: string) => void) | undefined;
  testId: string;
}

/** Le modèle qui servira, son état en direct, et le choix s'il y en a plusieurs. */
export function ModelLine({ label, models, model, disabled, onChoose, testId }: Props) {
  if (!model) return null;
  const { operation, lastError, state } = model;
  const hint = HINTS[state];
  return (
    <Box data-testid={testId}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
        {onChoose && models.length > 1 ? (
          <Choice
            label={label}
            value={model.key}
            options={models.map(({ key, displayName }) => [key, displayName || key])}
            disabled={disabled}
            onChoose={onChoose}
          />
        ) : (
          <Box sx={{ minWidth: 0, flexGrow: 1 }}>
            <Typography variant="caption" color="textSecondary">
              {label}
            </Typography>
            <Typography variant="body2" sx={{ overflowWrap: "anywhere" }}>
              {model.displayName || model.key}
            </Typography>
          </Box>
        )}
        <ModelChip model={model} />
      </Stack>
      {operation ? (
        <ModelOperation operation={operation} />
      ) : lastError ? (
        <Alert severity="warning" sx={{ mt: 1 }}>
          {lastError.message}
        </Alert>
      ) : (
        hint && (
          <Typography variant="body2" color="textSecondary" sx={{ mt: 0.5 }}>
            {hint}{" "}
            {state === ModelState.UNAVAILABLE && (
              <Link component={RouteLink} href="/">
                {T.toModels}
              </Link>
            )}
          </Typography>
        )
      )}
    </Box>
  );
}
