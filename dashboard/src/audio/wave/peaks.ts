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
