import { expect, test } from "vitest";
import { History, WINDOW_MS } from "./history";

function values(history: History, name = "cpu"): number[][] {
  return history.pieces(name).map((piece) => piece.map(({ value }) => value));
}

function say(history: History, value: number, at: number): void {
  history.record(new Map([["cpu", value]]), at);
}

test("les points se suivent, et un message rapproché corrige le dernier", () => {
  const history = new History();
  for (const [value, at] of [
    [1, 0],
    [2, 1_000],
    [3, 2_000],
    [4, 2_100],
    [5, 4_000],
  ] as const)
    say(history, value, at);
  expect(values(history)).toEqual([[2, 4, 5]]);
  expect(history.latest).toBe(4_000);
});

test("une coupure du flux, un long silence et une horloge qui recule laissent des trous", () => {
  const history = new History();
  say(history, 1, 0);
  history.cut();
  say(history, 2, 100);
  say(history, 3, 2_100);
  say(history, 4, 60_000);
  say(history, 5, 58_000);
  expect(values(history)).toEqual([[1], [2, 3], [4], [5]]);
});

test("une mesure absente un moment laisse un trou dans sa seule courbe", () => {
  const history = new History();
  history.record(new Map([["cpu", 1]]), 0);
  history.record(
    new Map([
      ["cpu", 2],
      ["gpu", 10],
    ]),
    2_000,
  );
  history.record(new Map([["cpu", 3]]), 4_000);
  history.record(
    new Map([
      ["cpu", 4],
      ["gpu", 12],
    ]),
    6_000,
  );
  expect(values(history)).toEqual([[1, 2, 3, 4]]);
  expect(values(history, "gpu")).toEqual([[10], [12]]);
  expect(values(history, "inconnue")).toEqual([]);
});

test("l'anneau ne garde que la fenêtre, même après une heure", () => {
  const history = new History();
  for (let at = 0; at <= 3_600_000; at += 2_000) say(history, at, at);
  const [piece, ...rest] = history.pieces("cpu");
  expect(rest).toEqual([]);
  expect(piece?.length).toBe(WINDOW_MS / 2_000 + 1);
  expect(piece?.[0]).toEqual({ at: 3_000_000, value: 3_000_000 });
  expect(piece?.at(-1)).toEqual({ at: 3_600_000, value: 3_600_000 });
});
