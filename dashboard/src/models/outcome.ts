import { OPERATIONS } from "../fr";
import { type ErrorDetail, type Model, ModelState, type Operation, OperationKind } from "../gen/passerelle/v1/admin_pb";
import { T } from "./texts";

export interface Outcome {
  severity: "success" | "info" | "error";
  text: string;
}

/** Ce qu'est devenue l'opération que `before` montrait et que `after` ne montre plus ; `undefined` si rien n'a fini. */
export function outcomeOf(before: Model, after: Model): Outcome | undefined {
  const ended = before.operation;
  if (!ended || after.operation?.id === ended.id) return undefined;
  const kind = OPERATIONS[ended.kind];
  if (reached(ended, after)) return { severity: "success", text: T.outcome.done(kind, after.key) };
  if (!sameError(before.lastError, after.lastError)) {
    return { severity: "error", text: T.outcome.failed(kind, after.key) };
  }
  return { severity: "info", text: T.outcome.cancelled(kind, after.key) };
}

function reached(ended: Operation, after: Model): boolean {
  switch (ended.kind) {
    case OperationKind.DOWNLOAD:
      return after.artifactsCached;
    case OperationKind.UNLOAD:
      return after.state !== ModelState.READY && after.state !== ModelState.UNLOADING;
    case OperationKind.SLEEP:
      return after.state === ModelState.ASLEEP;
    default:
      return after.state === ModelState.READY;
  }
}

function sameError(before: ErrorDetail | undefined, after: ErrorDetail | undefined): boolean {
  // Une erreur effacée n'est pas un échec de plus.
  if (!after) return true;
  const [first, second] = [before?.occurredAt, after.occurredAt];
  return before !== undefined && first?.seconds === second?.seconds && first?.nanos === second?.nanos;
}
