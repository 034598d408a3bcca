// Des blocs de flottants que donne le navigateur, aux morceaux d'entiers de 16 bits qui partent sur le fil.

/** Morceau de son : échantillons petit-boutistes de 16 bits, un canal. */
export interface Chunk {
  pcm: ArrayBuffer;
  /** Amplitude la plus forte, entre 0 et 1. */
  peak: number;
}

/** Réunit les blocs en morceaux de `size` échantillons ; les canaux sont mélangés par leur moyenne. */
export class Chunker {
  private view: DataView;
  private filled = 0;
  private peak = 0;

  constructor(private readonly size: number) {
    this.view = new DataView(new ArrayBuffer(2 * size));
  }

  /** Ajoute un bloc, un tableau par canal ; rend les morceaux qu'il complète. */
  push(channels: readonly Float32Array[]): Chunk[] {
    const done: Chunk[] = [];
    const length = channels[0]?.length ?? 0;
    for (let at = 0; at < length; at += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[at] ?? 0;
      const value = Math.max(-1, Math.min(1, sum / channels.length));
      this.peak = Math.max(this.peak, Math.abs(value));
      this.view.setInt16(2 * this.filled, Math.round(value * 32767), true);
      this.filled += 1;
      if (this.filled === this.size) done.push(...this.flush());
    }
    return done;
  }

  /** Rend ce qui attend ; rien s'il n'y a rien. */
  flush(): Chunk[] {
    if (this.filled === 0) return [];
    const chunk = { pcm: this.view.buffer.slice(0, 2 * this.filled) as ArrayBuffer, peak: this.peak };
    this.filled = 0;
    this.peak = 0;
    return [chunk];
  }
}

/** Décibels sous lesquels la jauge est vide. */
const FLOOR = -54;

/** Part de la jauge pour une amplitude de 0 à 1 : l'oreille entend en décibels. */
export function filled(amplitude: number): number {
  const decibels = 20 * Math.log10(Math.max(amplitude, 1e-6));
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR));
}
