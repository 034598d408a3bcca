import { expect, test } from "vitest";
import { Chunker } from "./chunker";

const samples = (pcm: ArrayBuffer) => [...new Int16Array(pcm)];

test("le son part par morceaux égaux, où que tombent les blocs, et le reste à la fin", () => {
  const wave = Float32Array.from({ length: 25 }, (_, at) => at / 25);
  const whole = new Chunker(10);
  const chunks = [...whole.push([wave]), ...whole.flush()];
  expect(chunks.map(({ pcm }) => pcm.byteLength)).toEqual([20, 20, 10]);
  const cut = new Chunker(10);
  const pieces = [...cut.push([wave.slice(0, 7)]), ...cut.push([wave.slice(7)]), ...cut.flush()];
  expect(pieces.flatMap(({ pcm }) => samples(pcm))).toEqual(chunks.flatMap(({ pcm }) => samples(pcm)));
  expect(cut.flush()).toEqual([]);
});

test("les canaux se mélangent, ce qui dépasse est ramené aux bornes, et la force se mesure", () => {
  const chunker = new Chunker(3);
  const [chunk] = chunker.push([Float32Array.of(0.5, 3, -3), Float32Array.of(-0.5, 3, -3)]);
  expect(chunk && samples(chunk.pcm)).toEqual([0, 32767, -32767]);
  expect(chunk?.peak).toBe(1);
  expect(chunker.push([Float32Array.of(0.25, 0, 0)])[0]?.peak).toBe(0.25);
});
