import { expect, test } from "vitest";
import { isPortableKey } from "./accessKey";

test("une clé voyage dans un en-tête, ou se refuse", () => {
  expect(isPortableKey("")).toBe(true);
  expect(isPortableKey("sk-1234_ABC.def")).toBe(true);
  expect(isPortableKey("clé")).toBe(false);
  expect(isPortableKey("deux mots")).toBe(false);
  expect(isPortableKey("a\nb")).toBe(false);
});
