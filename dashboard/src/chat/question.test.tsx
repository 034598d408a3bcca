import { expect, test } from "vitest";
import { defaultsFor, read, type Settings } from "./question";

const bounds = { maxTokens: 256, maxStop: 2, contextTokens: 4096 };

function given(change: Partial<Settings>) {
  return read({ ...defaultsFor(bounds), ...change }, bounds);
}

test("les réglages de départ tiennent dans les limites du serveur", () => {
  expect(read(defaultsFor(bounds), bounds)).toEqual({ options: { maxTokens: 256 }, problems: {} });
  expect(defaultsFor({}).maxTokens).toBe("1024");
  expect(defaultsFor({ contextTokens: 512 }).maxTokens).toBe("256");
});

test("ce qui est tapé devient une option ; la virgule est un point", () => {
  const typed = { maxTokens: " 12 ", temperature: "0,7", topP: "0.9", stop: "fin\n\n###", seed: "-3" };
  expect(given(typed)).toEqual({
    options: { maxTokens: 12, temperature: 0.7, topP: 0.9, stop: ["fin", "###"], seed: -3 },
    problems: {},
  });
  expect(given({ maxTokens: "" }).options).toEqual({});
});

test.each([
  [{ temperature: "2,5" }, "De 0 à 2 (ici : 2,5)."],
  [{ temperature: "chaud" }, "Un nombre est attendu (ici : chaud)."],
  [{ topP: "-1" }, "De 0 à 1 (ici : -1)."],
  [{ maxTokens: "257" }, "De 1 à 256 (ici : 257)."],
  [{ maxTokens: "0" }, "De 1 à 256 (ici : 0)."],
  [{ seed: "1.5" }, "Un nombre entier est attendu (ici : 1.5)."],
  [{ stop: "a\nb\nc" }, "Au plus 2 suites (ici : 3)."],
])("%j est refusé, limite et valeur nommées", (change, message) => {
  const [name] = Object.keys(change);
  expect(given(change).problems).toEqual({ [name as string]: message });
});
