import { Button } from "@mui/material";
import { admin } from "../api/client";
import { T } from "../fr";
import { type Operation, OperationKind } from "../gen/passerelle/v1/admin_pb";

interface Props {
  operation: Operation;
  busy: boolean;
  call: (verb: () => Promise<unknown>) => Promise<void>;
}

/** Annule une opération ; un déchargement va toujours à son terme. */
export function CancelButton({ operation, busy, call }: Props) {
  if (operation.kind === OperationKind.UNLOAD) return null;
  return (
    <Button
      size="small"
      color="warning"
      disabled={busy}
      data-testid={`action-cancel-${operation.model}`}
      onClick={() => void call(() => admin.cancelOperation({ operationId: operation.id }))}
    >
      {T.cancel}
    </Button>
  );
}
