import { Alert, Box, Link, Stack, TextField, Typography } from "@mui/material";
import { Link as RouteLink } from "wouter";
import { ModelChip, ModelOperation } from "../../audio/form/ModelState";
import { T as AUDIO } from "../../audio/texts";
import { ModelState } from "../../gen/passerelle/v1/model_pb";
import type { Studio } from "../useStudio";

/** Le modèle qui servira, son état en direct, et le choix s'il y en a plusieurs. */
export function ModelChoice({ studio: { session, models, model, busy } }: { studio: Studio }) {
  if (!model) return null;
  const { operation, lastError, state } = model;
  const missing = state === ModelState.UNAVAILABLE;
  const asleep = state === ModelState.CACHED || state === ModelState.ASLEEP;
  return (
    <Box data-testid="live-model">
      <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
        {models.length > 1 ? (
          <TextField
            select
            fullWidth
            size="small"
            label={AUDIO.transcriber}
            value={model.key}
            disabled={busy}
            onChange={(event) => session.choose({ model: event.target.value })}
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
              {AUDIO.transcriber}
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
        (missing || asleep) && (
          <Typography variant="body2" color="textSecondary" sx={{ mt: 0.5 }}>
            {missing ? AUDIO.willDownload : AUDIO.willLoad}{" "}
            {missing && (
              <Link component={RouteLink} href="/">
                {AUDIO.toModels}
              </Link>
            )}
          </Typography>
        )
      )}
    </Box>
  );
}
