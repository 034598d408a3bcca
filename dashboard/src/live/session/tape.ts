// Le son qu'aucune phrase finie n'a encore pris : un flux coupé se reprend de là.

/** Morceaux d'échantillons de 16 bits, un canal, comptés depuis le début. */
export class Tape {
  /** Rang du premier échantillon gardé. */
  first = 0;
  private kept: ArrayBuffer[] = [];
  private count = 0;

  get chunks(): readonly ArrayBuffer[] {
    return this.kept;
  }

  /** Rang du prochain échantillon. */
  get end(): number {
    return this.first + this.count;
  }

  push(pcm: ArrayBuffer): void {
    this.kept.push(pcm);
    this.count += pcm.byteLength / 2;
  }

  /** Oublie ce qui précède cet échantillon. */
  forget(sample: number): void {
    for (let head = this.kept[0]; head && this.first < sample; head = this.kept[0]) {
      const size = head.byteLength / 2;
      const gone = Math.min(size, sample - this.first);
      if (gone === size) this.kept.shift();
      else this.kept[0] = head.slice(2 * gone);
      this.first += gone;
      this.count -= gone;
    }
  }
}
