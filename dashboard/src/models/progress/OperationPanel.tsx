import { durationMs } from "@bufbuild/protobuf/wkt";
import { Box, Stack, Typography } from "@mui/material";
import { bytes, percent, seconds } from "../../format";
import { OPERATIONS, PHASES } from "../../fr";
import type { Operation } from "../../gen/passerelle/v1/admin_pb";
import { T } from "../texts";
import type { Call } from "../useVerb";
import { CancelButton } from "./CancelButton";
import { FileList } from "./FileList";
import { Journey } from "./Journey";
import { PhaseList } from "./PhaseList";

interface Props {
  operation: Operation;
  busy: boolean;
  call: Call;
}

/** L'opération en cours : étape, octets, débit, temps restant, fichiers, et de quoi l'annuler. */
export function OperationPanel({ operation, busy, call }: Props) {
  const { phase = "", completedBytes, totalBytes, bytesPerSecond, remaining, files = [] } = operation.progress ?? {};
  const kind = OPERATIONS[operation.kind];
  const step = phase ? `${kind} : ${PHASES[phase] ?? phase}` : kind;
  // Un chargement qui a d'abord téléchargé garde ces octets jusqu'à sa fin : ils ne disent plus rien de lui.
  const copying = phase === "downloading" || phase === "verifying";
  const done = copying ? percent(completedBytes, totalBytes) : undefined;
  const details = [
    copying && completedBytes !== undefined && totalBytes
      ? T.progress.bytes(bytes(completedBytes), bytes(totalBytes))
      : "",
    phase === "downloading" && bytesPerSecond ? T.progress.rate(bytes(bytesPerSecond)) : "",
    phase === "downloading" && remaining ? T.progress.remaining(seconds(durationMs(remaining) / 1000)) : "",
  ].filter(Boolean);
  const share = done === undefined ? "" : T.progress.percent(Math.floor(done));
  return (
    <Box sx={{ p: 1.5, borderRadius: 1, bgcolor: "action.hover" }} data-testid={`operation-${operation.model}`}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center", minHeight: 32 }}>
        <Typography variant="body2" sx={{ fontWeight: 600, flexGrow: 1, minWidth: 0 }}>
          {step}
        </Typography>
        {phase === "downloading" && (
          <Typography variant="body2" sx={{ fontWeight: 600, fontVariantNumeric: "tabular-nums" }}>
            {share}
          </Typography>
        )}
        <CancelButton key={operation.id} operation={operation} busy={busy} call={call} />
      </Stack>
      <Journey
        operation={operation}
        done={done}
        label={T.progress.label(kind, operation.model)}
        text={[step, share, ...details].filter(Boolean).join(", ")}
      />
      {details.length > 0 && (
        <Typography
          variant="caption"
          color="textSecondary"
          data-testid={`progress-details-${operation.model}`}
          sx={{ display: "block", mt: 0.75, fontVariantNumeric: "tabular-nums" }}
        >
          {details.join(" · ")}
        </Typography>
      )}
      <PhaseList operation={operation} />
      {copying && files.length > 0 && <FileList files={files} model={operation.model} />}
    </Box>
  );
}
