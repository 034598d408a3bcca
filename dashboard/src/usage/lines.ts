// Des lignes d'usage à ce qui se dessine.
import type { UsageRow } from "../gen/passerelle/v1/usage_pb";
import { MEASURES, type Measure, STEPS, type Wanted } from "./choices";

/** Courbes dessinées au plus : au-delà, rien ne se distingue. */
export const DRAWN = 8;

export interface Line {
  name: string;
  /** Une valeur par pas ; `null` : rien n'a été mesuré. */
  values: (number | null)[];
}

export interface Drawn {
  /** Début de chaque pas, en secondes depuis 1970. */
  times: number[];
  lines: Line[];
  /** Courbes laissées de côté. */
  left: number;
}

/** Courbes d'une mesure, de `since` à `now`, du plus au moins de requêtes ; `nameOf` nomme le groupe d'une ligne. */
export function drawn(
  rows: UsageRow[],
  measure: Measure,
  step: Wanted["step"],
  [since, now]: [number, number],
  nameOf: (row: UsageRow) => string,
): Drawn {
  const width = STEPS[step].seconds;
  const times = Array.from({ length: Math.floor((now - since) / width) + 1 }, (_, rank) => since + rank * width);
  const { of, sum } = MEASURES[measure];
  const found = new Map<string, { weight: number; values: (number | null)[] }>();
  const put = (name: string, at: number, weight: number, value: number | undefined) => {
    const line = found.get(name) ?? { weight: 0, values: times.map(() => (sum ? 0 : null)) };
    found.set(name, line);
    line.weight += weight;
    const before = line.values[at];
    if (value !== undefined && before !== undefined) line.values[at] = sum ? (before ?? 0) + value : value;
  };
  for (const row of rows) {
    const at = (Number(row.since?.seconds ?? 0) - since) / width;
    if (measure !== "issues") put(nameOf(row), at, row.requests, of(row));
    else for (const [outcome, count] of Object.entries(row.outcomes)) put(outcome, at, count, count);
  }
  const lines = [...found].sort(([, one], [, other]) => other.weight - one.weight);
  return {
    times,
    lines: lines.slice(0, DRAWN).map(([name, { values }]) => ({ name, values })),
    left: Math.max(0, lines.length - DRAWN),
  };
}

/** Requêtes par issue, toutes lignes réunies, de la plus fréquente à la moins fréquente. */
export function outcomesOf(rows: UsageRow[]): [string, number][] {
  const found = new Map<string, number>();
  for (const row of rows)
    for (const [outcome, count] of Object.entries(row.outcomes)) found.set(outcome, (found.get(outcome) ?? 0) + count);
  return [...found].sort(([, one], [, other]) => other - one);
}
