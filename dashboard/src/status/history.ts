import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Activity, Gpu } from "../gen/passerelle/v1/machine_pb";

/** Durée que les courbes gardent, en millisecondes. */
export const WINDOW_MS = 600_000;
/** Écart entre deux points ; ce qui arrive entre-temps corrige le dernier. */
const STEP_MS = 2_000;
/** Au-delà de cet écart, deux points ne sont pas reliés : l'ordinateur dormait, ou le serveur se taisait. */
const GAP_MS = 7_000;
const CAPACITY = WINDOW_MS / STEP_MS + 1;

export interface Point {
  /** Instant, en millisecondes. */
  at: number;
  value: number;
}

/** Les dernières minutes de plusieurs mesures, dans des anneaux de taille fixe. */
export class History {
  #times = new Float64Array(CAPACITY);
  #broken = new Uint8Array(CAPACITY);
  #series = new Map<string, Float64Array>();
  #next = 0;
  #count = 0;
  #cut = true;

  /** Ajoute les mesures d'un instant ; une mesure absente laisse un trou dans sa courbe. */
  record(values: ReadonlyMap<string, number>, now: number): void {
    const last = (this.#next + CAPACITY - 1) % CAPACITY;
    const since = this.#count > 0 ? now - (this.#times[last] as number) : Number.POSITIVE_INFINITY;
    const same = !this.#cut && since >= 0 && since < STEP_MS;
    const slot = same ? last : this.#next;
    if (!same) {
      this.#times[slot] = now;
      this.#broken[slot] = this.#cut || since > GAP_MS || since < 0 ? 1 : 0;
      this.#next = (slot + 1) % CAPACITY;
      this.#count = Math.min(CAPACITY, this.#count + 1);
      this.#cut = false;
    }
    for (const [name, ring] of this.#series) ring[slot] = values.get(name) ?? Number.NaN;
    for (const [name, value] of values) {
      if (!this.#series.has(name))
        this.#series.set(name, new Float64Array(CAPACITY).fill(Number.NaN).fill(value, slot, slot + 1));
    }
  }

  /** Le flux s'arrête : le point suivant ne sera pas relié à celui-ci. */
  cut(): void {
    this.#cut = true;
  }

  /** Instant du dernier point ; 0 s'il n'y en a pas. */
  get latest(): number {
    return this.#count > 0 ? (this.#times[(this.#next + CAPACITY - 1) % CAPACITY] as number) : 0;
  }

  /** Tronçons continus d'une mesure dans la fenêtre, du plus ancien au plus récent. */
  pieces(name: string): Point[][] {
    const ring = this.#series.get(name);
    const found: Point[][] = [];
    if (!ring) return found;
    let joined = false;
    for (let rank = 0; rank < this.#count; rank += 1) {
      const slot = (this.#next - this.#count + rank + CAPACITY) % CAPACITY;
      const [at, value] = [this.#times[slot] as number, ring[slot] as number];
      if (at < this.latest - WINDOW_MS) continue;
      if (this.#broken[slot] || !joined) found.push([]);
      joined = !Number.isNaN(value);
      if (joined) found.at(-1)?.push({ at, value });
    }
    return found.filter((piece) => piece.length > 0);
  }
}

export type GpuMeasure = "use" | "memory" | "temperature" | "power";
export type HostMeasure = "cpu" | "memory" | "disk";
/** Ce que font les requêtes : en file, jetons par seconde, attente du premier. */
export type ActivityMeasure = "queue" | "rate" | "first";

/** Nom de la courbe d'une mesure de GPU : le GPU y est nommé par ce qui ne change pas. */
export function gpuSeries(gpu: Gpu, measure: GpuMeasure | ActivityMeasure): string {
  return `gpu/${gpu.uuid || gpu.index}/${measure}`;
}

/** Nom de la courbe d'une mesure de la machine. */
export function hostSeries(measure: HostMeasure | ActivityMeasure): string {
  return `host/${measure}`;
}

/** Les mesures d'un état dont on garde l'histoire : pourcentages, octets, degrés, watts. */
export function samples({ host, gpus }: Status): Map<string, number> {
  const found = new Map<string, number>();
  if (host) {
    found.set(hostSeries("cpu"), host.cpuPercent);
    found.set(hostSeries("memory"), host.memoryUsedBytes);
    found.set(hostSeries("disk"), host.cacheDiskTotalBytes - host.cacheDiskFreeBytes);
    for (const [measure, value] of measures(host.activity)) found.set(hostSeries(measure), value);
  }
  for (const gpu of gpus) {
    found.set(gpuSeries(gpu, "use"), gpu.utilizationPercent);
    found.set(gpuSeries(gpu, "memory"), gpu.usedBytes);
    // NVML rend zéro pour ce qu'il ne sait pas lire.
    if (gpu.temperatureCelsius > 0) found.set(gpuSeries(gpu, "temperature"), gpu.temperatureCelsius);
    if (gpu.powerWatts > 0) found.set(gpuSeries(gpu, "power"), gpu.powerWatts);
    for (const [measure, value] of measures(gpu.activity)) found.set(gpuSeries(gpu, measure), value);
  }
  return found;
}

function measures(activity: Activity | undefined): [ActivityMeasure, number][] {
  if (!activity) return [];
  const { waiting, tokensPerSecond, firstP95 } = activity;
  const found: [ActivityMeasure, number][] = [
    ["queue", waiting],
    ["rate", tokensPerSecond],
  ];
  return firstP95 ? [...found, ["first", durationMs(firstP95) / 1000]] : found;
}
