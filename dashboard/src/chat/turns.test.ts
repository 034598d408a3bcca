import { expect, test } from "vitest";
import { PNG, turn } from "./samples";
import { changeLast, columnOf, extend, measuresOf, messagesFor, summary, unfold } from "./turns";

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
  const rows = [[turn()], [turn({ id: 1, answer: "c" }), turn({ id: 1, answer: "d" })]];
  const changed = changeLast(rows, 1, (last) => ({ ...last, answer: "e" }));
  expect(changed.flat().map(({ answer }) => answer)).toEqual(["b", "c", "e"]);
  expect(changed[0]).toBe(rows[0]);
  expect(changeLast([], 0, (last) => last)).toEqual([]);
  // Arrivé en cours de route, un second modèle reprend ce qu'a vécu le premier.
  expect(columnOf(changed, 1).map(({ answer }) => answer)).toEqual(["b", "e"]);
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

test("un raisonnement écrit entre balises se replie, et ne se renvoie pas", () => {
  const folded = (text: string) => unfold(text, false);
  expect(folded("<think>\na\n</think>\n\nb")).toEqual({ thought: "a", answer: "b", thinking: false });
  expect(folded("<think>a")).toEqual({ thought: "a", answer: "", thinking: true });
  expect(folded("<thi").answer).toBe("");
  expect(unfold("<thi").answer).toBe("<thi");
  // L'ouverture est parfois dans le gabarit du modèle.
  expect(folded("a\n</think>\nb")).toEqual({ thought: "a", answer: "b", thinking: false });
  expect(folded("<think>a<think>b</think>c</think>d")).toMatchObject({ thought: "a<think>b</think>c", answer: "d" });
  expect(folded("[THINK]a[/THINK]b\n<think>c</think>d")).toMatchObject({ thought: "a\n\nc", answer: "b\nd" });
  for (const quoted of [
    "La balise <think> ouvre, </think> ferme.",
    "```\n<think>\n```\n</think",
    "~~~\n</think>\n~~~",
  ]) {
    expect(folded(quoted)).toEqual({ thought: "", answer: quoted, thinking: false });
  }
  const past = [turn({ answer: "<think>a</think>b" }), turn({ id: 1, answer: "<think>coupé" })];
  expect(messagesFor(past, "c", [], "").map(({ text }) => text)).toEqual(["a", "b", "c"]);
});

test("mille balises se lisent d'un trait", () => {
  const deep = unfold("<think>".repeat(50_000) + "</think>".repeat(50_000));
  expect(deep.answer).toBe("");
  expect(deep.thinking).toBe(false);
});
