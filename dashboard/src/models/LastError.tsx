import { Alert, AlertTitle, Box, Typography } from "@mui/material";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import type { ErrorDetail } from "../gen/passerelle/v1/operation_pb";
import { Act, MONOSPACE, Note } from "../shell/kit";
import { french } from "../typography";
import { elapsed, instant, iso, isPartial } from "./model";
import { remedyOf } from "./remedies";
import { T } from "./texts";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  error: ErrorDetail;
  now: number;
  busy: boolean;
  call: Call;
}

/** Le dernier échec : ce qui s'est passé, quand, que faire, et de quoi recommencer. */
export function LastError({ model, error, now, busy, call }: Props) {
  const retry = retryOf(model);
  const since = elapsed(error.occurredAt, now);
  return (
    <Alert
      severity="error"
      // Muet : la bande annonce l'échec une fois, et son âge change à chaque minute.
      role="group"
      aria-label={T.error.of(model.displayName || model.key)}
      data-testid={`model-error-${model.key}`}
      sx={{ "& .MuiAlert-message": { minWidth: 0 } }}
    >
      <AlertTitle sx={{ fontSize: "0.9rem", mb: 0.25 }}>
        {T.error.title}
        {error.occurredAt && (
          <Box
            component="time"
            dateTime={iso(error.occurredAt)}
            title={instant(error.occurredAt)}
            sx={{ fontWeight: 400 }}
          >
            {since ? T.error.when(since) : T.error.now}
          </Box>
        )}
      </AlertTitle>
      <Reason reason={error.reason} />
      <Typography variant="body2" sx={{ overflowWrap: "anywhere" }}>
        {french(error.message)}
      </Typography>
      <Remedy reason={error.reason} />
      {retry && (
        <Act
          label={retry.label}
          color="inherit"
          variant="outlined"
          disabled={busy}
          testId={`action-retry-${model.key}`}
          onClick={() => void call(retry.verb)}
          sx={{ mt: 1 }}
        />
      )}
    </Alert>
  );
}

/** Le dernier échec surmonté : de l'histoire, que rien ne demande de réparer. */
export function PastError({ model, error, now }: Pick<Props, "model" | "error" | "now">) {
  const since = elapsed(error.occurredAt, now);
  return (
    <Note
      data-testid={`model-past-error-${model.key}`}
      title={error.occurredAt && instant(error.occurredAt)}
      sx={{ overflowWrap: "anywhere" }}
    >
      {T.error.past(since)} <Reason reason={error.reason} /> {french(error.message)}
    </Note>
  );
}

/** Le motif, tel que les journaux et la documentation le nomment. */
export function Reason({ reason }: { reason: string }) {
  if (!reason) return null;
  return (
    <Typography component="code" variant="caption" sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere" }}>
      {reason}
    </Typography>
  );
}

/** Que faire d'un motif. */
export function Remedy({ reason }: { reason: string }) {
  return (
    <Typography variant="body2" sx={{ mt: 0.5, overflowWrap: "anywhere" }}>
      <strong>{T.error.remedy} : </strong>
      {remedyOf(reason)}
    </Typography>
  );
}

function retryOf(model: Model): { label: string; verb: () => Promise<unknown> } | undefined {
  const { key, state } = model;
  switch (state) {
    case ModelState.UNAVAILABLE:
      return {
        label: isPartial(model) ? T.error.resume : T.error.retryDownload,
        verb: () => admin.downloadModel({ model: key }),
      };
    case ModelState.CACHED:
      return { label: T.error.retryLoad, verb: () => admin.loadModel({ model: key }) };
    case ModelState.ASLEEP:
      return { label: T.error.retryWake, verb: () => admin.wakeModel({ model: key }) };
    default:
      return undefined;
  }
}
