import { Alert, Box, Paper, Stack, Typography } from "@mui/material";
import { OPERATIONS } from "../fr";
import type { Operation } from "../gen/passerelle/v1/operation_pb";
import { CancelButton } from "../models/progress/CancelButton";
import { describe } from "../models/progress/describe";
import { Journey } from "../models/progress/Journey";
import { useVerb } from "../models/useVerb";
import { KindIcon } from "./KindIcon";
import { instant } from "./progress";
import { T } from "./texts";

/** Opération en cours, suivie en direct ; l'annuler se confirme. */
export function RunningRow({ operation }: { operation: Operation }) {
  const { kind, model, startedAt } = operation;
  const { call, busy, failure, forget } = useVerb();
  const { stage, details } = describe(operation);
  return (
    <Paper variant="outlined" sx={{ p: 2 }} data-testid="operation-running">
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center", mb: 1.5 }}>
        <KindIcon kind={kind} fontSize="small" color="primary" />
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography>{T.of(OPERATIONS[kind], model)}</Typography>
          <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
            {[startedAt && instant(startedAt), stage, ...details].filter(Boolean).join(" · ")}
          </Typography>
        </Box>
        <CancelButton operation={operation} busy={busy} call={call} />
      </Stack>
      <Journey operation={operation} />
      {failure && (
        <Alert severity="error" onClose={forget} closeText={T.dismiss} sx={{ mt: 1.5 }} data-testid="operation-refused">
          {failure.message}
        </Alert>
      )}
    </Paper>
  );
}
