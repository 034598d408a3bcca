// @vitest-environment jsdom
import { expect, test } from "vitest";
import { underway } from "./underway";

/** Vrai si le navigateur demanderait confirmation avant de recharger. */
function asks(): boolean {
  return !dispatchEvent(new Event("beforeunload", { cancelable: true }));
}

test("recharger se confirme tant qu'un travail dure, et lui seul", () => {
  expect(asks()).toBe(false);
  const [first, second] = [underway(), underway()];
  expect(asks()).toBe(true);
  first();
  first();
  expect(asks()).toBe(true);
  second();
  expect(asks()).toBe(false);
});
