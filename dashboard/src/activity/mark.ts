import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Status } from "../gen/passerelle/v1/admin_pb";

/** Marque qui change dès qu'une opération a pu commencer, finir ou échouer ; l'avancement ne la change pas. */
export function operationsMark(status: Status | undefined): string {
  const models = status?.models ?? [];
  return models
    .map((model) =>
      [model.key, model.operation?.id, model.state, at(model.stateSince), at(model.lastError?.occurredAt)].join(":"),
    )
    .join(" ");
}

function at(instant: Timestamp | undefined): string {
  return instant ? `${instant.seconds}.${instant.nanos}` : "";
}
