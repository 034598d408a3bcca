import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Status } from "../gen/passerelle/v1/admin_pb";

/** Marque qui change dès qu'une opération a pu commencer, finir ou échouer ; l'avancement ne la change pas. */
export function operationsMark(status: Status | undefined): string {
  if (!status) return "";
  const models = status.models.map((model) =>
    [model.key, model.operation?.id, model.state, at(model.stateSince), at(model.lastError?.occurredAt)].join(":"),
  );
  // Un serveur redémarré a pu fermer des opérations que l'arrêt avait coupées.
  return [at(status.startedAt), ...models].join(" ");
}

function at(instant: Timestamp | undefined): string {
  return instant ? `${instant.seconds}.${instant.nanos}` : "";
}
