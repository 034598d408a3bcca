import { Alert, Card, CardActions, CardContent, Stack, Typography } from "@mui/material";
import { CAPABILITIES, T } from "../fr";
import type { Model } from "../gen/passerelle/v1/admin_pb";
import { CancelButton } from "./CancelButton";
import { CapabilityIcon } from "./CapabilityIcon";
import { ModelActions } from "./ModelActions";
import { ModelFacts } from "./ModelFacts";
import { OperationProgressBar } from "./OperationProgressBar";
import { StateChip } from "./StateChip";
import { useVerb } from "./useVerb";

/** Carte d'un modèle : son état en direct et ce qu'on peut en faire. */
export function ModelCard({ model }: { model: Model }) {
  const { call, busy, failure, forget } = useVerb();
  const { key, operation, lastError } = model;
  const title = `model-title-${key}`;
  return (
    <Card
      component="article"
      variant="outlined"
      aria-labelledby={title}
      data-testid={`model-card-${key}`}
      sx={{ display: "flex", flexDirection: "column" }}
    >
      <CardContent sx={{ flexGrow: 1, pb: 0 }}>
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", mb: 1 }}>
          <CapabilityIcon capability={model.capability} />
          <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1 }}>
            {CAPABILITIES[model.capability]} · {key}
          </Typography>
          <StateChip model={model} />
        </Stack>
        <Typography id={title} variant="h3">
          {model.displayName || key}
        </Typography>
        {model.notice && (
          <Typography variant="body2" color="textSecondary">
            {model.notice}
          </Typography>
        )}
        <ModelFacts model={model} />
        {operation && (
          <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
            <OperationProgressBar operation={operation} />
            <CancelButton operation={operation} busy={busy} call={call} />
          </Stack>
        )}
        {failure && (
          <Alert severity="error" onClose={forget} closeText={T.dismiss} data-testid={`model-failure-${key}`}>
            {failure}
          </Alert>
        )}
        {lastError && !operation && (
          <Alert severity="warning" sx={{ mt: 1 }} data-testid={`model-error-${key}`}>
            {lastError.message}
          </Alert>
        )}
      </CardContent>
      <CardActions sx={{ p: 2, flexWrap: "wrap" }}>
        <ModelActions model={model} busy={busy} call={call} />
      </CardActions>
    </Card>
  );
}
