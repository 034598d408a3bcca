import { expect, test } from "vitest";
import { follow, retryDelay } from "./follow";

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
    wait: async () => {},
    signal: stop.signal,
  });
  expect(lost).toBe(1);
});
