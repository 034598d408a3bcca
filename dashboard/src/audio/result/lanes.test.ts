import { expect, test } from "vitest";
import { clock, lanesOf, lengthOf, overlapsOf, passagesOf } from "./lanes";

const TURNS = [
  { speaker: "B", start: 0, end: 1.5 },
  { speaker: "A", start: 1, end: 2 },
  { speaker: "B", start: 4, end: 5 },
];

test("une voie par locuteur, dans l'ordre de leur entrée", () => {
  expect(lanesOf(TURNS).map(({ speaker, seconds }) => [speaker, seconds])).toEqual([
    ["B", 2.5],
    ["A", 1],
  ]);
});

test("des segments sans locuteur ne font aucune voie", () => {
  const result = { id: "r", duration: 1, segments: [{ index: 0, start: 0, end: 1, text: "seul" }] };
  expect(lanesOf(passagesOf(result, false))).toEqual([]);
});

test("les tours sans recouvrement se montrent à la demande", () => {
  const result = { id: "r", duration: 5, turns: TURNS, exclusive_turns: TURNS.slice(0, 1) };
  expect(passagesOf(result, false)).toHaveLength(3);
  expect(passagesOf(result, true)).toHaveLength(1);
});

test("les paroles simultanées, même à trois, et jamais deux tours bout à bout", () => {
  expect(overlapsOf(lanesOf(TURNS))).toEqual([{ start: 1, end: 1.5 }]);
  const three = [...TURNS, { speaker: "C", start: 1.2, end: 1.8 }, { speaker: "C", start: 5, end: 6 }];
  const found = overlapsOf(lanesOf(three));
  expect(found).toEqual([{ start: 1, end: 1.8 }]);
  expect(lengthOf(found)).toBeCloseTo(0.8);
});

test("les instants se lisent en minutes, puis en heures", () => {
  expect(clock(0)).toBe("0:00,0");
  expect(clock(59.96)).toBe("1:00,0");
  expect(clock(75.25)).toBe("1:15,3");
  expect(clock(7384.5)).toBe("2:03:04,5");
});
