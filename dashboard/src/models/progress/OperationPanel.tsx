import { Box, Stack, Typography } from "@mui/material";
import type { Operation } from "../../gen/passerelle/v1/operation_pb";
import type { Call } from "../useVerb";
import { CancelButton } from "./CancelButton";
import { describe } from "./describe";
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
  const { phase, step, share, details, files } = describe(operation);
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
      <Journey operation={operation} />
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
      {files.length > 0 && <FileList files={files} model={operation.model} />}
    </Box>
  );
}
