import { type Point, WINDOW_MS } from "../status/history";

/** Ce qu'une courbe montre au moins : à l'ouverture de la page, elle occupe déjà sa place. */
const LEAST_MS = 60_000;

export interface Range {
  low: number;
  high: number;
}

/** Étendue des valeurs ; `undefined` sans point. */
export function rangeOf(pieces: readonly Point[][]): Range | undefined {
  const values = pieces.flat().map(({ value }) => value);
  return values.length > 0 ? { low: Math.min(...values), high: Math.max(...values) } : undefined;
}

/** Durée du premier relevé au dernier, en millisecondes. */
export function coveredBy(pieces: readonly Point[][], end: number): number {
  const first = pieces[0]?.[0];
  return first ? Math.min(WINDOW_MS, end - first.at) : 0;
}

/** Durée que montre une courbe : celle de ses points, d'une minute à toute la fenêtre. */
export function spanOf(pieces: readonly Point[][], end: number): number {
  return Math.max(LEAST_MS, coveredBy(pieces, end));
}

/** Tracés d'une courbe dans une boîte de `width` sur `height` : le trait, et l'aire dessous. */
export function traces(
  pieces: readonly Point[][],
  { end, span, low, high }: { end: number; span: number; low: number; high: number },
  width: number,
  height: number,
): { line: string; area: string } {
  const x = (at: number) => round(((at - end + span) / span) * width);
  const y = (value: number) => round(height - (clamp(value - low, high - low) / (high - low || 1)) * height);
  let line = "";
  let area = "";
  for (const piece of pieces) {
    const [first, last] = [piece[0], piece.at(-1)];
    if (!first || !last) continue;
    const path = piece.map(({ at, value }) => `${x(at)} ${y(value)}`).join("L");
    // Un point seul se voit par le bout arrondi d'un trait sans longueur.
    line += `M${path}${piece.length === 1 ? "h0" : ""}`;
    area += `M${x(first.at)} ${height}L${path}V${height}Z`;
  }
  return { line, area };
}

/** Le point le plus proche d'une place dans la fenêtre, de 0 (le plus ancien) à 1. */
export function nearest(
  pieces: readonly Point[][],
  { end, span }: { end: number; span: number },
  place: number,
): Point | undefined {
  const wanted = end - span * (1 - place);
  let found: Point | undefined;
  for (const point of pieces.flat()) {
    if (!found || Math.abs(point.at - wanted) < Math.abs(found.at - wanted)) found = point;
  }
  return found;
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
