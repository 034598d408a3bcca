import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { type ModelSchema, ModelState } from "../gen/passerelle/v1/model_pb";
import { operationsMark } from "./operations";

const mark = (model: MessageInitShape<typeof ModelSchema>) =>
  operationsMark(create(StatusSchema, { models: [{ key: "qwen", ...model }] }));

test("une opération qui commence, finit ou échoue change la marque ; son avancement, non", () => {
  const running = { operation: { id: "a", progress: { phase: "downloading", completedBytes: 1 } } };
  const further = { operation: { id: "a", progress: { phase: "verifying", completedBytes: 9 } } };
  expect(mark(running)).not.toBe(mark({}));
  expect(mark(running)).toBe(mark(further));
  expect(mark({ state: ModelState.READY })).not.toBe(mark({ state: ModelState.CACHED }));
  expect(mark({ stateSince: { seconds: 1n, nanos: 5 } })).not.toBe(mark({ stateSince: { seconds: 1n, nanos: 6 } }));
  expect(mark({ lastError: { occurredAt: { seconds: 2n } } })).not.toBe(mark({}));
  expect(operationsMark(undefined)).toBe("");
});
