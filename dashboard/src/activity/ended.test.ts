import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { OperationSchema, OperationState } from "../gen/passerelle/v1/operation_pb";
import { endedSince, failuresSince } from "./operations";

const { RUNNING, SUCCEEDED, FAILED } = OperationState;
const operation = (id: string, state: OperationState, seconds = 0n) =>
  create(OperationSchema, { id, state, finishedAt: { seconds } });

test("ce qui vient de finir, même sans avoir été vu en cours", () => {
  const before = [operation("a", RUNNING), operation("b", FAILED), operation("d", RUNNING)];
  const after = [operation("c", FAILED), operation("a", SUCCEEDED), operation("b", FAILED), operation("d", RUNNING)];
  expect(endedSince(before, after).map(({ id }) => id)).toEqual(["c", "a"]);
});

test("les échecs vus ne comptent plus", () => {
  const all = [operation("a", FAILED, 30n), operation("b", SUCCEEDED, 20n), operation("c", FAILED, 10n)];
  expect(failuresSince(all, 0).length).toBe(2);
  expect(failuresSince(all, 10_000).map(({ id }) => id)).toEqual(["a"]);
  expect(failuresSince(all, 30_000)).toEqual([]);
});
