// @vitest-environment node
// jsdom n'a pas Blob.arrayBuffer.
import { expect, test } from "vitest";
import { COLUMNS, PeakCounter, resampled, wavLayout, wavPeaks } from "./wave";

/** WAV d'échantillons entre -1 et 1. */
function wav(values: number[], bits: number, { float = false, channels = 1, coding, size }: Partial<Wav> = {}): Blob {
  const data = new DataView(new ArrayBuffer((values.length * bits) / 8));
  values.forEach((value, index) => {
    const whole = Math.round(value * (2 ** (bits - 1) - 1));
    const at = (index * bits) / 8;
    if (float && bits === 32) data.setFloat32(at, value, true);
    else if (float) data.setFloat64(at, value, true);
    else if (bits === 8) data.setUint8(at, whole + 128);
    else if (bits === 16) data.setInt16(at, whole, true);
    else if (bits === 32) data.setInt32(at, whole, true);
    else for (let byte = 0; byte < 3; byte += 1) data.setUint8(at + byte, (whole >> (8 * byte)) & 255);
  });
  const head = new DataView(new ArrayBuffer(54));
  const text = (at: number, word: string) => {
    for (const [index, letter] of [...word].entries()) head.setUint8(at + index, letter.charCodeAt(0));
  };
  text(0, "RIFF");
  text(8, "WAVE");
  // Un morceau étranger, de longueur impaire, avant celui du format.
  text(12, "junk");
  head.setUint32(16, 1, true);
  text(22, "fmt ");
  head.setUint32(26, 16, true);
  head.setUint16(30, coding ?? (float ? 3 : 1), true);
  head.setUint16(32, channels, true);
  head.setUint32(34, 8000, true);
  head.setUint16(44, bits, true);
  text(46, "data");
  head.setUint32(50, size ?? data.byteLength, true);
  return new Blob([head.buffer, data.buffer]);
}

interface Wav {
  coding: number;
  float: boolean;
  channels: number;
  size: number;
}

const VALUES = [0, 0.5, -1, 0.25];

test.each([
  [8, false],
  [16, false],
  [24, false],
  [32, false],
  [32, true],
  [64, true],
])("les crêtes d'un WAV à %i bits (flottants : %s)", async (bits, float) => {
  const found = await wavPeaks(wav(VALUES, bits, { float }), new AbortController().signal, () => {});
  expect(found?.duration).toBe(4 / 8000);
  const peaks = [...(found?.peaks ?? [])];
  expect(peaks).toHaveLength(4);
  for (const [index, peak] of peaks.entries()) expect(peak).toBeCloseTo(Math.abs(VALUES[index] ?? 0), 1);
});

test("deux canaux font une onde, et une longueur fausse est ramenée aux octets présents", async () => {
  const file = wav(VALUES, 16, { channels: 2, size: 0xffffffff });
  const found = await wavPeaks(file, new AbortController().signal, () => {});
  expect(found?.peaks).toHaveLength(2);
  expect(found?.peaks[0]).toBeCloseTo(0.5, 3);
  expect(found?.peaks[1]).toBeCloseTo(1, 3);
});

test("ce qui n'est pas un WAV lisible est laissé au navigateur", async () => {
  expect(wavLayout(new TextEncoder().encode("ID3 ceci est du MP3").buffer as ArrayBuffer, 19)).toBeUndefined();
  expect(await wavPeaks(wav(VALUES, 8, { coding: 6 }), new AbortController().signal, () => {})).toBeUndefined();
  expect(await wavPeaks(new Blob([]), new AbortController().signal, () => {})).toBeUndefined();
});

test("une onde longue tient dans un nombre fixe de colonnes, sans perdre une crête", () => {
  const frames = 10 * COLUMNS + 7;
  const counter = new PeakCounter(frames);
  const samples = new Float32Array(frames);
  samples[frames - 1] = 0.75;
  samples[12_345] = -0.5;
  // Reçue par morceaux qui ne tombent pas sur les colonnes.
  for (let at = 0; at < frames; at += 999) counter.add(samples.subarray(at, at + 999), 1, 1);
  expect(counter.peaks.length).toBeLessThanOrEqual(COLUMNS);
  expect(Math.max(...counter.peaks)).toBe(0.75);
  expect(counter.peaks.at(-1)).toBe(0.75);
  const few = resampled(counter.peaks, 10);
  expect([...few].filter((peak) => peak > 0)).toEqual([0.5, 0.75]);
  expect(resampled(new Float32Array([1, 0]), 4)).toEqual(new Float32Array([1, 1, 0, 0]));
});
