import { afterEach, expect, test, vi } from "vitest";
import { follow, pause, retryDelay } from "./follow";

afterEach(() => vi.useRealTimers());

test("les essais s'espacent, jusqu'à un plafond", () => {
  expect([1, 2, 3, 4, 5, 6, 50].map(retryDelay)).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test("un flux perdu est rouvert, et un message remet l'attente à zéro", async () => {
  const stop = new AbortController();
  const seen: number[] = [];
  const delays: number[] = [];
  let opened = 0;
  async function* open() {
    opened += 1;
    if (opened === 1 || opened === 2) throw new Error("panne");
    yield opened;
    if (opened === 4) stop.abort();
  }
  await follow({
    open,
    onMessage: (message) => seen.push(message),
    onLost: (delay) => delays.push(delay),
    silence: 1000,
    steady: 1000,
    wait: async () => {},
    signal: stop.signal,
  });
  expect(seen).toEqual([3, 4]);
  expect(delays).toEqual([500, 1000, 500]);
});

test("un flux muet est abandonné", async () => {
  const stop = new AbortController();
  let lost = 0;
  async function* open(signal: AbortSignal) {
    yield 1;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("abandon"))));
  }
  await follow({
    open,
    onMessage: () => {},
    onLost: () => {
      lost += 1;
      stop.abort();
    },
    silence: 20,
    steady: 0,
    wait: async () => {},
    signal: stop.signal,
  });
  expect(lost).toBe(1);
});

/** Suit un flux qui dit un mot, dure `lasts` millisecondes puis `ends` ; rouvert, `again` fois, il refuse. */
async function lostAfter(lasts: number, ends: () => void, again: number): Promise<string[]> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const stop = new AbortController();
  const seen: string[] = [];
  let opened = 0;
  async function* open() {
    opened += 1;
    seen.push("ouvert");
    if (opened > 1 && opened <= 1 + again) throw new Error("refus");
    if (opened > 1) stop.abort();
    yield opened;
    vi.setSystemTime(Date.now() + lasts);
    ends();
  }
  const onLost = (delay: number) => seen.push(`perdu ${delay}`);
  await follow({
    open,
    onMessage: () => {},
    onLost,
    silence: 1000,
    steady: 5000,
    wait: async () => {},
    signal: stop.signal,
  });
  return seen;
}

test("un flux qui a tenu et finit est rouvert sans être dit perdu", async () => {
  const cut = () => {
    throw new Error("coupé");
  };
  expect(await lostAfter(5000, () => {}, 0)).toEqual(["ouvert", "ouvert"]);
  expect(await lostAfter(5000, cut, 0)).toEqual(["ouvert", "ouvert"]);
});

test("il est perdu si rouvrir échoue, ou s'il n'avait pas tenu", async () => {
  expect(await lostAfter(5000, () => {}, 2)).toEqual([
    "ouvert",
    "ouvert",
    "perdu 500",
    "ouvert",
    "perdu 1000",
    "ouvert",
  ]);
  expect(await lostAfter(4999, () => {}, 0)).toEqual(["ouvert", "perdu 500", "ouvert"]);
});

test("une attente finie, ou abandonnée, ne laisse rien au signal", async () => {
  const stop = new AbortController();
  const added = vi.spyOn(stop.signal, "addEventListener");
  const removed = vi.spyOn(stop.signal, "removeEventListener");
  await pause(1, stop.signal);
  const cut = pause(60_000, stop.signal);
  stop.abort();
  await cut;
  expect(removed.mock.calls.map(([name, listener]) => [name, listener])).toEqual(
    added.mock.calls.map(([name, listener]) => [name, listener]),
  );
  expect(added).toHaveBeenCalledTimes(2);
});
