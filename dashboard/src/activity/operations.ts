import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { seconds } from "../format";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { type Operation, OperationState } from "../gen/passerelle/v1/operation_pb";
import { french } from "../typography";

/** Opérations de `after` que `before` montrait en cours, ou ne connaissait pas, et qui sont finies. */
export function endedSince(before: readonly Operation[], after: readonly Operation[]): Operation[] {
  const known = new Map(before.map((operation) => [operation.id, operation.state]));
  return after.filter(
    ({ id, state }) => state !== OperationState.RUNNING && (known.get(id) ?? OperationState.RUNNING) !== state,
  );
}

/** Échecs plus récents que `seen`, en millisecondes de l'heure du serveur. */
export function failuresSince(operations: readonly Operation[], seen: number): Operation[] {
  return operations.filter(({ state, finishedAt }) => {
    return state === OperationState.FAILED && finishedAt !== undefined && timestampMs(finishedAt) > seen;
  });
}

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

/** Secondes d'une opération finie ; `undefined` tant qu'elle dure. */
export function lastedSeconds({ startedAt, finishedAt }: Operation): number | undefined {
  if (!startedAt || !finishedAt) return undefined;
  return Math.max(0, (timestampMs(finishedAt) - timestampMs(startedAt)) / 1000);
}

/** Durée courte, au dixième sous dix secondes. */
export function lasting(value: number): string {
  return value < 9.95 ? french(`${value.toFixed(1).replace(".", ",")} s`) : seconds(value);
}

const DAY = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });

/** Instant à l'heure de ce poste ; le jour n'est dit que si ce n'est pas `today`. */
export function instant(at: Timestamp, today = new Date()): string {
  const date = timestampDate(at);
  const time = TIME.format(date);
  return date.toDateString() === today.toDateString() ? time : `${DAY.format(date)}, ${time}`;
}
