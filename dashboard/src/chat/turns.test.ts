import { expect, test } from "vitest";
import { measuresOf, summary } from "./measures";
import { PNG, turn } from "./samples";
import { changeLast, extend, messagesFor } from "./turns";

const turns = [turn(), turn({ id: 1, question: "c", answer: "", end: "failed" })];

test("une question sans réponse n'est pas répétée, et la consigne vient d'abord", () => {
  expect(messagesFor(turns, "d", [PNG], "Sois bref.")).toEqual([
    { role: "system", text: "Sois bref." },
    { role: "user", text: "a" },
    { role: "assistant", text: "b" },
    { role: "user", text: "d", images: [PNG] },
  ]);
  expect(messagesFor([], "d", [], "")).toEqual([{ role: "user", text: "d" }]);
});

test("seul le dernier tour change", () => {
  const changed = changeLast(turns, (last) => ({ ...last, answer: "e" }));
  expect(changed.map(({ answer }) => answer)).toEqual(["b", "e"]);
  expect(changed[0]).toBe(turns[0]);
  expect(changeLast([], (last) => last)).toEqual([]);
});

test("le premier mot date la réponse, non le premier message", () => {
  const nothing = { text: "", reasoning: "", finishReason: "" };
  const start = turn({ answer: "", finishReason: "", times: {} });
  const opened = extend(start, { ...nothing, at: 100 });
  const spoken = extend(opened, { ...nothing, text: "un", at: 300 });
  const closed = extend(extend(spoken, { ...nothing, text: " deux", at: 900 }), {
    ...nothing,
    finishReason: "stop",
    at: 950,
  });
  expect(closed).toMatchObject({ answer: "un deux", finishReason: "stop", times: { first: 300, last: 900 } });
});

test("le débit se compte après le premier jeton", () => {
  expect(measuresOf(turn())).toEqual({ firstToken: 0.5, rate: 10, total: 2.6 });
  expect(measuresOf(turn({ times: { first: 500, last: 500, end: 600 } }))).toEqual({ firstToken: 0.5, total: 0.6 });
});

test("la fin se dit en mots, et ce qui n'est pas connu se tait", () => {
  expect(summary(turn()).join(" · ")).toBe(
    "premier mot en 0,5 s · 10 jetons/s · 10 lus, 21 jetons écrits · 2,6 s en tout · fin : réponse entière",
  );
  expect(summary(turn({ finishReason: "length" }))[0]).toBe("Réponse coupée : longueur maximale atteinte.");
  const { usage: _, ...unknown } = turn({ end: "stopped", finishReason: "", times: { end: 1000 } });
  expect(summary(unknown)).toEqual(["Réponse arrêtée.", "1 s en tout"]);
});
