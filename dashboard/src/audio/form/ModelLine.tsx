import { Alert, Box, Link, Stack, TextField, Typography } from "@mui/material";
import { Link as RouteLink } from "wouter";
import { ModelState } from "../../gen/passerelle/v1/model_pb";
import type { Choice, Desk } from "../job/useDesk";
import { T } from "../texts";
import { ModelChip, ModelOperation } from "./ModelState";

const HINTS: Partial<Record<ModelState, string>> = {
  [ModelState.CACHED]: T.willLoad,
  [ModelState.ASLEEP]: T.willLoad,
  [ModelState.UNAVAILABLE]: T.willDownload,
};

interface Props {
  choice: Choice;
  name: "transcriber" | "diarizer";
  desk: Desk;
}

/** Le modèle qui servira, son état en direct, et le choix s'il y en a plusieurs. */
export function ModelLine({ choice: { models, model }, name, desk: { session, state } }: Props) {
  if (!model) return null;
  const { operation, lastError } = model;
  const hint = HINTS[model.state];
  // Une transcription avec locuteurs emploie le modèle de diarisation du profil.
  const chosen = models.length > 1 && !(name === "diarizer" && state.task === "speakers");
  return (
    <Box data-testid={`audio-${name}`}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
        {chosen ? (
          <TextField
            select
            fullWidth
            size="small"
            label={T[name]}
            value={model.key}
            disabled={state.job?.state === "running"}
            onChange={(event) => session.setOptions({ [name]: event.target.value })}
            slotProps={{ select: { native: true } }}
          >
            {models.map(({ key, displayName }) => (
              <option key={key} value={key}>
                {displayName || key}
              </option>
            ))}
          </TextField>
        ) : (
          <Box sx={{ minWidth: 0, flexGrow: 1 }}>
            <Typography variant="caption" color="textSecondary">
              {T[name]}
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
            {model.state === ModelState.UNAVAILABLE && (
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
