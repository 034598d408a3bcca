/** Colonnes d'une onde, au plus. */
export const COLUMNS = 8_000;

/** Crêtes d'une onde, une par colonne, entre 0 et 1. */
export type Peaks = Float32Array;

/** Accumule les crêtes d'échantillons reçus dans l'ordre, `frames` instants en tout. */
export class PeakCounter {
  readonly peaks: Peaks;
  private readonly width: number;
  private frame = 0;

  constructor(frames: number) {
    this.width = Math.max(1, Math.ceil(frames / COLUMNS));
    this.peaks = new Float32Array(Math.ceil(frames / this.width));
  }

  /** Revient au début : le canal suivant s'ajoute aux mêmes colonnes. */
  rewind(): void {
    this.frame = 0;
  }

  /** Ajoute des échantillons entrelacés ; `zero` est le silence, `scale` la pleine échelle. */
  add(samples: ArrayLike<number>, channels: number, scale: number, zero = 0): void {
    const { peaks, width } = this;
    const frames = Math.floor(samples.length / channels);
    let index = 0;
    for (let done = 0; done < frames; ) {
      const column = Math.floor(this.frame / width);
      const count = Math.min(frames - done, (column + 1) * width - this.frame);
      let most = (peaks[column] ?? 0) * scale;
      for (const stop = index + count * channels; index < stop; index += 1) {
        const size = Math.abs((samples[index] as number) - zero);
        if (size > most) most = size;
      }
      if (column < peaks.length) peaks[column] = most / scale;
      this.frame += count;
      done += count;
    }
  }
}

/** Crêtes ramenées à `count` colonnes : chacune garde la plus haute de celles qu'elle couvre. */
export function resampled(peaks: Peaks, count: number): Peaks {
  const out = new Float32Array(count);
  for (let column = 0; column < count; column += 1) {
    const start = Math.floor((column * peaks.length) / count);
    const end = Math.max(start + 1, Math.floor(((column + 1) * peaks.length) / count));
    for (let index = start; index < end; index += 1) out[column] = Math.max(out[column] ?? 0, peaks[index] ?? 0);
  }
  return out;
}

// L'onde d'un WAV, lue par morceaux : les réunions longues sont presque toujours en WAV, et decodeAudioData en tiendrait
// des gigaoctets en mémoire.

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

/** Onde d'un fichier, ou pourquoi elle manque. */
export type Wave =
  | { state: "reading"; ratio: number }
  | { state: "ready"; peaks: Peaks; duration: number }
  | { state: "absent"; why: "long" | "unreadable" };

/** decodeAudioData tient tout le fichier en flottants : 20 min de stéréo à 48 kHz en font 460 Mo. */
export const MAX_DECODED_SECONDS = 20 * 60;
/** Sans durée annoncée, un codec de parole à 24 kbit/s met 20 min dans ces octets. */
const MAX_UNTIMED_BYTES = 4_000_000;
/** La plus basse fréquence que tout navigateur accepte : l'onde n'a pas besoin de plus. */
const DRAWN_HZ = 8_000;

/** Lit l'onde d'un fichier sans figer la page ni remplir la mémoire ; `on` reçoit chaque changement. */
export async function readWave(
  file: File,
  duration: number | undefined,
  on: (wave: Wave) => void,
  signal: AbortSignal,
): Promise<void> {
  const tell = (wave: Wave) => {
    if (!signal.aborted) on(wave);
  };
  try {
    const found = await wavPeaks(file, signal, (ratio) => tell({ state: "reading", ratio }));
    if (found) return tell({ state: "ready", ...found });
    const long = duration === undefined ? file.size > MAX_UNTIMED_BYTES : duration > MAX_DECODED_SECONDS;
    if (long) return tell({ state: "absent", why: "long" });
    tell({ state: "ready", ...(await decoded(file)) });
  } catch {
    tell({ state: "absent", why: "unreadable" });
  }
}

async function decoded(file: File): Promise<{ peaks: Peaks; duration: number }> {
  const audio = await new OfflineAudioContext(1, 1, DRAWN_HZ).decodeAudioData(await file.arrayBuffer());
  const counter = new PeakCounter(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel += 1) {
    counter.rewind();
    counter.add(audio.getChannelData(channel), 1, 1);
  }
  return { peaks: counter.peaks, duration: audio.duration };
}

/** Durée d'un fichier, en secondes ; `undefined` si le navigateur ne sait pas la lire. */
export function durationOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const audio = new Audio();
    audio.preload = "metadata";
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : undefined);
    audio.onerror = () => resolve(undefined);
    audio.src = url;
  });
}

/** Pas des barres, en pixels. */
export const STEP_PX = 3;

/** Barres d'une onde, en tracé SVG : la plus haute touche le bord, pour qu'un enregistrement faible reste lisible. */
export function barsOf(peaks: Peaks, width: number, height: number): string {
  const bars = resampled(peaks, Math.max(1, Math.floor(width / STEP_PX)));
  const most = bars.reduce((a, b) => Math.max(a, b), 0.01);
  const middle = height / 2;
  return [...bars]
    .map((peak, index) => {
      const half = Math.max(0.5, (peak / most) * (middle - 4));
      return `M${index * STEP_PX + 1} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    })
    .join("");
}
