import { Alert, Button, Card, CardActions, CardContent, Chip, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { admin, messageOf } from "./api";
import { bytes } from "./format";
import { STATES, T } from "./fr";
import { type Model, ModelState, OperationKind } from "./gen/passerelle/v1/admin_pb";
import { OperationProgressBar } from "./OperationProgressBar";

const COLORS: Partial<Record<ModelState, "success" | "warning" | "info">> = {
  [ModelState.READY]: "success",
  [ModelState.LOADING]: "warning",
  [ModelState.UNLOADING]: "warning",
  [ModelState.DOWNLOADING]: "info",
};

/** Carte d'un modèle : son état en direct et ce qu'on peut en faire. */
export function ModelCard({ model }: { model: Model }) {
  const [failure, setFailure] = useState<string>();

  async function act(call: () => Promise<unknown>) {
    setFailure(undefined);
    try {
      await call();
    } catch (error) {
      setFailure(messageOf(error));
    }
  }

  const { key, state, operation, lastError } = model;
  const loaded = state === ModelState.READY;
  const message = failure ?? lastError?.message;
  const running = model.replicas.reduce((sum, replica) => sum + replica.runningRequests, 0);
  const waiting = model.replicas.reduce((sum, replica) => sum + replica.waitingRequests, 0);
  return (
    <Card variant="outlined" data-testid={`model-card-${key}`} sx={{ display: "flex", flexDirection: "column" }}>
      <CardContent sx={{ flexGrow: 1 }}>
        <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between", alignItems: "center" }}>
          <Typography variant="h6" component="h3">
            {key}
          </Typography>
          <Chip
            size="small"
            data-testid={`model-state-${key}`}
            label={STATES[state]}
            color={COLORS[state] ?? "default"}
          />
        </Stack>
        <Typography variant="body2">{model.displayName}</Typography>
        <Typography variant="body2" color="text.secondary">
          {bytes(model.cachedBytes)} / {bytes(model.totalBytes)}
          {loaded && ` · ${T.requests(running, waiting)}`}
        </Typography>
        {model.notice && (
          <Typography variant="caption" color="text.secondary">
            {model.notice}
          </Typography>
        )}
        {operation && <OperationProgressBar operation={operation} />}
        {message && (
          <Alert severity="error" sx={{ mt: 1 }}>
            {message}
          </Alert>
        )}
      </CardContent>
      <CardActions>
        <Button
          data-testid={`action-download-${key}`}
          disabled={operation !== undefined || model.artifactsCached}
          onClick={() => act(() => admin.downloadModel({ model: key }))}
        >
          {T.download}
        </Button>
        <Button
          data-testid={`action-load-${key}`}
          disabled={operation !== undefined || loaded || !model.artifactsCached}
          onClick={() => act(() => admin.loadModel({ model: key }))}
        >
          {T.load}
        </Button>
        <Button
          data-testid={`action-unload-${key}`}
          disabled={operation !== undefined || !loaded}
          onClick={() => act(() => admin.unloadModel({ model: key }))}
        >
          {T.unload}
        </Button>
        {operation && operation.kind !== OperationKind.UNLOAD && (
          <Button
            data-testid={`action-cancel-${key}`}
            color="warning"
            onClick={() => act(() => admin.cancelOperation({ operationId: operation.id }))}
          >
            {T.cancel}
          </Button>
        )}
      </CardActions>
    </Card>
  );
}
