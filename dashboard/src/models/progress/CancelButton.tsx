import { Button, Typography } from "@mui/material";
import { useState } from "react";
import { admin } from "../../api/admin";
import { OPERATIONS } from "../../fr";
import { type Operation, OperationKind } from "../../gen/passerelle/v1/operation_pb";
import { ConfirmDialog } from "../ConfirmDialog";
import { T } from "../texts";
import type { Call } from "../useVerb";

interface Props {
  operation: Operation;
  busy: boolean;
  call: Call;
}

/** Annule une opération, une fois confirmé ; un déchargement et un réveil vont toujours à leur terme. */
export function CancelButton({ operation, busy, call }: Props) {
  const [asking, setAsking] = useState(false);
  const { id, kind, model } = operation;
  if (kind === OperationKind.UNLOAD || kind === OperationKind.WAKE) return null;
  return (
    <>
      <Button
        size="small"
        color="inherit"
        disabled={busy}
        aria-label={`${T.cancel.action} : ${OPERATIONS[kind].toLowerCase()} de ${model}`}
        data-testid={`action-cancel-${model}`}
        onClick={() => setAsking(true)}
      >
        {T.cancel.action}
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={T.cancel.title(OPERATIONS[kind], model)}
        keep={T.cancel.keep}
        choices={[
          {
            label: T.cancel.confirm,
            testId: "confirm-cancel",
            color: "warning",
            onChoose: () => void call(() => admin.cancelOperation({ operationId: id })),
          },
        ]}
      >
        <Typography>{consequenceOf(kind)}</Typography>
      </ConfirmDialog>
    </>
  );
}

function consequenceOf(kind: OperationKind): string {
  if (kind === OperationKind.DOWNLOAD) return T.cancel.download;
  return kind === OperationKind.SLEEP ? T.cancel.other : T.cancel.load;
}
