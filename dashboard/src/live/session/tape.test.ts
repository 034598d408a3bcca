import { expect, test } from "vitest";
import { Tape } from "./session";

test("ce qui précède un échantillon s'oublie, même au milieu d'un morceau ou au-delà de la fin", () => {
  const tape = new Tape();
  for (const from of [0, 4, 8]) tape.push(Int16Array.from([from, from + 1, from + 2, from + 3]).buffer);
  const left = () => tape.chunks.flatMap((pcm) => [...new Int16Array(pcm)]);
  for (const [sample, first] of [
    [0, 0],
    [-5, 0],
    [4, 4],
    [6, 6],
    [5, 6],
    [99, 12],
  ] as const) {
    tape.forget(sample);
    expect([tape.first, tape.end]).toEqual([first, 12]);
    expect(left()).toEqual([...Array(12).keys()].slice(first));
  }
});
