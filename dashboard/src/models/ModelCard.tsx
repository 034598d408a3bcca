import { Alert, Box, Card, Stack, Typography } from "@mui/material";
import { CAPABILITIES, STATES } from "../fr";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Spoken } from "../shell/Spoken";
import { CapabilityIcon } from "./CapabilityIcon";
import { LastError, PastError, Reason, Remedy } from "./LastError";
import { LogButton } from "./logs/LogButton";
import { ModelActions } from "./ModelActions";
import { ModelBadges } from "./ModelBadges";
import { ModelFacts } from "./ModelFacts";
import { ModelUse } from "./ModelUse";
import { OperationPanel } from "./progress/OperationPanel";
import { StateRail } from "./StateRail";
import { T } from "./texts";
import { useRefuge } from "./useRefuge";
import { useVerb } from "./useVerb";

interface Props {
  model: Model;
  /** Instant du serveur, en secondes depuis 1970. */
  now: number;
  /** Vrai si le moteur sait dormir. */
  sleeps: boolean;
}

/** Carte d'un modèle : son état en direct et ce qu'on peut en faire. */
export function ModelCard({ model, now, sleeps }: Props) {
  const { call, busy, failure, forget } = useVerb();
  const { key, operation, lastError, pastError } = model;
  const name = model.displayName || key;
  const title = `model-title-${key}`;
  const { refuge, zone } = useRefuge<HTMLHeadingElement>();
  return (
    <Card
      component="article"
      variant="outlined"
      aria-labelledby={title}
      data-testid={`model-card-${key}`}
      sx={{ display: "flex", flexDirection: "column" }}
      {...zone}
    >
      <Stack spacing={1.75} sx={{ flexGrow: 1, p: 2 }}>
        <Stack direction="row" spacing={1.5} sx={{ alignItems: "flex-start" }}>
          <CapabilityIcon capability={model.capability} />
          <Box sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography id={title} ref={refuge} tabIndex={-1} variant="h3" sx={{ overflowWrap: "anywhere" }}>
              {name}
            </Typography>
            <Spoken>{T.spoken(name, STATES[model.state])}</Spoken>
            <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
              {CAPABILITIES[model.capability]} · {key}
            </Typography>
          </Box>
          <LogButton model={model} />
        </Stack>
        <StateRail model={model} />
        <ModelBadges model={model} now={now} />
        {model.notice && (
          <Typography variant="body2" color="textSecondary">
            {model.notice}
          </Typography>
        )}
        {operation && <OperationPanel operation={operation} busy={busy} call={call} />}
        {failure && (
          <Alert
            severity="warning"
            onClose={forget}
            closeText={T.actions.close}
            data-testid={`model-failure-${key}`}
            sx={{ "& .MuiAlert-message": { minWidth: 0 } }}
          >
            {failure.message}
            {failure.reason && <Remedy reason={failure.reason} />}
            <Reason reason={failure.reason} />
          </Alert>
        )}
        {lastError && !operation && <LastError model={model} error={lastError} now={now} busy={busy} call={call} />}
        {pastError && !operation && <PastError model={model} error={pastError} now={now} />}
        <ModelUse model={model} now={now} />
        <ModelFacts model={model} />
      </Stack>
      <ModelActions model={model} busy={busy} sleeps={sleeps} call={call} />
    </Card>
  );
}
