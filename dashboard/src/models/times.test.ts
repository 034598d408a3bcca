import { expect, test } from "vitest";
import { elapsed } from "./model";

test("le temps passé se dit à une unité près", () => {
  const then = { $typeName: "google.protobuf.Timestamp" as const, seconds: 1_000n, nanos: 0 };
  const after = (seconds: number) => elapsed(then, 1_000 + seconds);
  expect([-5, 59, 60, 3_599, 3_720, 86_400, 200_000].map(after)).toEqual([
    "",
    "",
    "1 min",
    "59 min",
    "1 h 02",
    "1 jour",
    "2 jours",
  ]);
  expect(elapsed(undefined, 5)).toBe("");
});
