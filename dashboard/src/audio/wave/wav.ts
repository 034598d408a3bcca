// L'onde d'un WAV, lue par morceaux : les réunions longues sont presque toujours en WAV, et decodeAudioData en tiendrait
// des gigaoctets en mémoire.
import { PeakCounter, type Peaks } from "./peaks";

const HEADER_BYTES = 64 * 1024;
const SLICE_BYTES = 4 * 1024 * 1024;

/** Où sont les échantillons d'un WAV, et comment les lire. */
export interface WavLayout {
  start: number;
  bytes: number;
  channels: number;
  rate: number;
  bits: number;
  float: boolean;
}

/** Disposition d'un WAV d'après ses premiers octets ; `undefined` si ce n'en est pas un que cette page sait lire. */
export function wavLayout(head: ArrayBuffer, size: number): WavLayout | undefined {
  const view = new DataView(head);
  const name = (at: number) => String.fromCharCode(...new Uint8Array(head, at, 4));
  if (head.byteLength < 12 || !["RIFF", "RF64"].includes(name(0)) || name(8) !== "WAVE") return undefined;
  let format: Omit<WavLayout, "start" | "bytes"> | undefined;
  for (let at = 12; at + 8 <= head.byteLength; ) {
    const [chunk, length] = [name(at), view.getUint32(at + 4, true)];
    const start = at + 8;
    if (chunk === "fmt " && start + 16 <= head.byteLength) {
      const tag = view.getUint16(start, true);
      // Le format étendu dit le vrai codage dans les deux premiers octets de son identifiant.
      const coding = tag === 0xfffe && start + 26 <= head.byteLength ? view.getUint16(start + 24, true) : tag;
      if (coding !== 1 && coding !== 3) return undefined;
      format = {
        channels: view.getUint16(start + 2, true),
        rate: view.getUint32(start + 4, true),
        bits: view.getUint16(start + 14, true),
        float: coding === 3,
      };
    }
    if (chunk === "data") {
      if (!format?.channels || !format.rate || !(format.float ? [32, 64] : [8, 16, 24, 32]).includes(format.bits)) {
        return undefined;
      }
      // Comme le serveur : une longueur fausse est ramenée aux octets présents.
      const present = size - start;
      return { ...format, start, bytes: length === 0 || length > present ? present : length };
    }
    at = start + length + (length % 2);
  }
  return undefined;
}

/** Crêtes et durée d'un WAV ; `undefined` si ce n'en est pas un. `on` reçoit la part lue. */
export async function wavPeaks(
  file: Blob,
  signal: AbortSignal,
  on: (ratio: number) => void,
): Promise<{ peaks: Peaks; duration: number } | undefined> {
  const layout = wavLayout(await file.slice(0, HEADER_BYTES).arrayBuffer(), file.size);
  if (!layout) return undefined;
  const { start, channels, bits } = layout;
  const frameBytes = (channels * bits) / 8;
  const frames = Math.floor(layout.bytes / frameBytes);
  const counter = new PeakCounter(frames);
  const step = Math.max(1, Math.floor(SLICE_BYTES / frameBytes)) * frameBytes;
  const end = start + frames * frameBytes;
  for (let at = start; at < end && !signal.aborted; at += step) {
    const part = await file.slice(at, Math.min(at + step, end)).arrayBuffer();
    counter.add(samples(part, layout), channels, layout.float ? 1 : 2 ** (bits - 1), bits === 8 ? 128 : 0);
    on((at + part.byteLength - start) / (end - start));
  }
  return { peaks: counter.peaks, duration: frames / layout.rate };
}

function samples(part: ArrayBuffer, { bits, float }: WavLayout): ArrayLike<number> {
  if (float) return bits === 32 ? new Float32Array(part) : new Float64Array(part);
  if (bits === 8) return new Uint8Array(part);
  if (bits === 16) return new Int16Array(part);
  if (bits === 32) return new Int32Array(part);
  const [bytes, out] = [new Uint8Array(part), new Int32Array(part.byteLength / 3)];
  for (let index = 0, at = 0; index < out.length; index += 1, at += 3) {
    // Décalé dans les 32 bits pour que le signe suive, puis ramené.
    out[index] = (((bytes[at] ?? 0) << 8) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 24)) >> 8;
  }
  return out;
}
