import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Operation, OperationState } from "../gen/passerelle/v1/operation_pb";

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
