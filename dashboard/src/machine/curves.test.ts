import { expect, test } from "vitest";
import { coveredBy, nearest, rangeOf, spanOf, traces } from "./curves";

const END = 600_000;
const WHOLE = { end: END, span: 600_000 };
const PIECES = [
  [
    { at: 0, value: 0 },
    { at: 60_000, value: 50 },
  ],
  [{ at: END, value: 100 }],
];

test("un trou sépare deux tracés, et un point seul se voit", () => {
  const { line, area } = traces(PIECES, { ...WHOLE, low: 0, high: 100 }, 100, 10);
  expect(line).toBe("M0 10L10 5M100 0h0");
  expect(area).toBe("M0 10L0 10L10 5V10ZM100 10L100 0V10Z");
});

test("une échelle plate, ou une valeur qui la dépasse, reste dans la boîte", () => {
  expect(traces([[{ at: END, value: 3 }]], { ...WHOLE, low: 0, high: 0 }, 100, 10).line).toBe("M100 10h0");
  expect(traces([[{ at: END, value: 300 }]], { ...WHOLE, low: 0, high: 100 }, 100, 10).line).toBe("M100 0h0");
});

test("l'étendue et le point le plus proche se lisent à travers les trous", () => {
  expect(rangeOf(PIECES)).toEqual({ low: 0, high: 100 });
  expect(rangeOf([])).toBeUndefined();
  expect(nearest(PIECES, WHOLE, 0.12)?.value).toBe(50);
  expect(nearest(PIECES, WHOLE, 0.9)?.value).toBe(100);
  expect(nearest([], WHOLE, 0.5)).toBeUndefined();
});

test("la durée montrée grandit avec l'histoire, d'une minute à dix", () => {
  expect(spanOf([], END)).toBe(60_000);
  expect(spanOf([[{ at: END - 5_000, value: 1 }]], END)).toBe(60_000);
  expect(spanOf([[{ at: END - 90_000, value: 1 }], [{ at: END, value: 1 }]], END)).toBe(90_000);
  expect(spanOf([[{ at: END - 700_000, value: 1 }]], END)).toBe(600_000);
});

test("la durée dite est celle des relevés, même plus courte que l'échelle", () => {
  expect(coveredBy([], END)).toBe(0);
  expect(coveredBy([[{ at: END - 5_000, value: 1 }]], END)).toBe(5_000);
  expect(coveredBy([[{ at: END - 700_000, value: 1 }]], END)).toBe(600_000);
});
