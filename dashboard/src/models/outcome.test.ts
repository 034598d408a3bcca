import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ModelSchema, ModelState, OperationKind } from "../gen/passerelle/v1/admin_pb";
import { outcomeOf } from "./outcome";

const model = (init: MessageInitShape<typeof ModelSchema>) => create(ModelSchema, { key: "qwen", ...init });
const running = (kind: OperationKind) => model({ operation: { id: "a", kind } });
const failure = (seconds: bigint) => ({ reason: "X", message: "panne", occurredAt: { seconds } });

test("rien tant que l'opération dure", () => {
  expect(outcomeOf(model({}), running(OperationKind.LOAD))).toBeUndefined();
  expect(outcomeOf(running(OperationKind.LOAD), running(OperationKind.LOAD))).toBeUndefined();
});

test("une opération finie se dit, même si une autre la suit aussitôt", () => {
  const loading = model({ artifactsCached: true, operation: { id: "b", kind: OperationKind.LOAD } });
  expect(outcomeOf(running(OperationKind.DOWNLOAD), loading)?.severity).toBe("success");
  expect(outcomeOf(running(OperationKind.LOAD), model({ state: ModelState.READY }))?.severity).toBe("success");
  expect(outcomeOf(running(OperationKind.UNLOAD), model({ state: ModelState.CACHED }))?.severity).toBe("success");
});

test("un échec se distingue d'une annulation", () => {
  const before = model({ operation: { id: "a", kind: OperationKind.LOAD }, lastError: failure(1n) });
  const after = (seconds: bigint) => model({ state: ModelState.CACHED, lastError: failure(seconds) });
  expect(outcomeOf(before, after(2n))?.severity).toBe("error");
  expect(outcomeOf(before, after(1n))?.severity).toBe("info");
  expect(outcomeOf(before, model({ state: ModelState.CACHED }))?.severity).toBe("info");
});
