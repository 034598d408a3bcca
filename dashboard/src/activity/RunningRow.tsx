import {
  Alert,
  Box,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogContentText,
  DialogTitle,
  LinearProgress,
  Paper,
  Stack,
  Typography,
} from "@mui/material";
import { useState } from "react";
import { admin } from "../api/admin";
import { percent } from "../format";
import { OPERATIONS } from "../fr";
import { type Operation, OperationKind } from "../gen/passerelle/v1/admin_pb";
import { useVerb } from "../models/useVerb";
import { KindIcon } from "./KindIcon";
import { instant, progressLine } from "./progress";
import { isCancellable } from "./retry";
import { T } from "./texts";

/** Opération en cours, suivie en direct ; l'annuler se confirme. */
export function RunningRow({ operation }: { operation: Operation }) {
  const { id, kind, model, progress, startedAt } = operation;
  const { call, busy, failure, forget } = useVerb();
  const [asking, setAsking] = useState(false);
  const done = percent(progress?.completedBytes, progress?.totalBytes);
  const what = T.of(OPERATIONS[kind], model);
  return (
    <Paper variant="outlined" sx={{ p: 2 }} data-testid="operation-running">
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center" }}>
        <KindIcon kind={kind} fontSize="small" color="primary" />
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography>{what}</Typography>
          <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
            {[startedAt && instant(startedAt), progressLine(operation)].filter(Boolean).join(" · ")}
          </Typography>
        </Box>
        {isCancellable(operation) && (
          <Button color="warning" disabled={busy} data-testid="operation-cancel" onClick={() => setAsking(true)}>
            {T.cancel}
          </Button>
        )}
      </Stack>
      <LinearProgress
        aria-label={what}
        variant={done === undefined ? "indeterminate" : "determinate"}
        value={done ?? 0}
        sx={{ borderRadius: 1, height: 6, mt: 1.5 }}
      />
      {failure && (
        <Alert severity="error" onClose={forget} closeText={T.dismiss} sx={{ mt: 1.5 }} data-testid="operation-refused">
          {failure.message}
        </Alert>
      )}
      <Dialog open={asking} onClose={() => setAsking(false)} aria-labelledby={`cancel-${id}`}>
        <DialogTitle id={`cancel-${id}`}>{T.confirm.title(what)}</DialogTitle>
        <DialogContent>
          <DialogContentText>
            {kind === OperationKind.DOWNLOAD ? T.confirm.download : T.confirm.other}
          </DialogContentText>
        </DialogContent>
        <DialogActions>
          <Button color="inherit" onClick={() => setAsking(false)}>
            {T.confirm.no}
          </Button>
          <Button
            color="warning"
            variant="contained"
            data-testid="operation-cancel-confirm"
            onClick={() => {
              setAsking(false);
              void call(() => admin.cancelOperation({ operationId: id }));
            }}
          >
            {T.confirm.yes}
          </Button>
        </DialogActions>
      </Dialog>
    </Paper>
  );
}
