import type { AudioResult, Turn } from "./events";

/** Tours d'un même locuteur. */
export interface Lane {
  speaker: string;
  turns: Turn[];
  /** Secondes de parole. */
  seconds: number;
}

/** Une voie par locuteur, dans l'ordre de leur entrée ; vide si personne n'est nommé. */
export function lanes(result: AudioResult): Lane[] {
  const found = new Map<string, Lane>();
  for (const { speaker, start, end } of result.turns ?? result.segments ?? []) {
    if (!speaker) continue;
    const lane = found.get(speaker) ?? { speaker, turns: [], seconds: 0 };
    lane.turns.push({ speaker, start, end });
    lane.seconds += end - start;
    found.set(speaker, lane);
  }
  return [...found.values()];
}

/** Instant lisible : minutes, secondes, dixièmes. */
export function clock(value: number): string {
  const tenths = Math.round(value * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).replace(".", ",");
  return `${minutes}:${rest.padStart(4, "0")}`;
}
