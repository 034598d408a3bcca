// @vitest-environment jsdom
import { expect, test } from "vitest";
import { T } from "../texts";
import { canListen, MicrophoneProblem, problemOf } from "./microphone";

test("chaque refus du navigateur a son message", () => {
  const told = (name: string) => problemOf(new DOMException("", name)).message;
  expect(told("NotAllowedError")).toBe(T.problems.denied);
  expect(told("NotFoundError")).toBe(T.problems.none);
  expect(told("NotReadableError")).toBe(T.problems.busy);
  expect(told("EncodingError")).toContain("EncodingError");
});

test("un problème déjà dit le reste", () => {
  const said = new MicrophoneProblem(T.problems.program);
  expect(problemOf(said)).toBe(said);
});

test("sans mediaDevices, comme en HTTP simple, aucun microphone ne s'ouvre", () => {
  expect(canListen()).toBe(false);
});
