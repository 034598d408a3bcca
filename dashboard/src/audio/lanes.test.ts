import { expect, test } from "vitest";
import { clock, lanes } from "./lanes";

test("une voie par locuteur, dans l'ordre de leur entrée", () => {
  const turns = [
    { speaker: "B", start: 0, end: 1.5 },
    { speaker: "A", start: 1, end: 2 },
    { speaker: "B", start: 4, end: 5 },
  ];
  expect(lanes({ duration: 5, turns }).map(({ speaker, seconds }) => [speaker, seconds])).toEqual([
    ["B", 2.5],
    ["A", 1],
  ]);
});

test("des segments sans locuteur ne font aucune voie", () => {
  expect(lanes({ duration: 1, segments: [{ index: 0, start: 0, end: 1, text: "seul" }] })).toEqual([]);
});

test("les instants se lisent en minutes", () => {
  expect(clock(0)).toBe("0:00,0");
  expect(clock(59.96)).toBe("1:00,0");
  expect(clock(75.25)).toBe("1:15,3");
});
