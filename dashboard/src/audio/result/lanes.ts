import type { AudioResult, Span, Turn, Word } from "../job/send";

/** Tours d'un même locuteur. */
export interface Lane {
  speaker: string;
  turns: Turn[];
  /** Secondes de parole. */
  seconds: number;
}

/** Ce que l'on écoute d'un clic : un tour, ou un segment. */
export interface Passage extends Span {
  speaker?: string;
  text?: string;
  words?: Word[];
  low_confidence?: boolean;
}

/** Passages d'un résultat, dans l'ordre du temps. */
export function passagesOf(result: AudioResult, exclusive: boolean): Passage[] {
  return (exclusive ? result.exclusive_turns : result.turns) ?? result.segments ?? [];
}

/** Mots, ou passages sans mots, à vérifier. */
export function doubtsOf(passages: readonly Passage[]): number {
  return passages.reduce(
    (total, { words, low_confidence }) =>
      total + (words?.length ? words.filter((word) => word.low_confidence).length : Number(low_confidence ?? false)),
    0,
  );
}

/** Une voie par locuteur, dans l'ordre de leur entrée ; vide si personne n'est nommé. */
export function lanesOf(passages: readonly Passage[]): Lane[] {
  const found = new Map<string, Lane>();
  for (const { speaker, start, end } of passages) {
    if (!speaker) continue;
    const lane = found.get(speaker) ?? { speaker, turns: [], seconds: 0 };
    lane.turns.push({ speaker, start, end });
    lane.seconds += end - start;
    found.set(speaker, lane);
  }
  return [...found.values()];
}

/** Intervalles où plusieurs locuteurs parlent à la fois. */
export function overlapsOf(lanes: readonly Lane[]): Span[] {
  const edges = lanes
    .flatMap(({ turns }) => turns.flatMap(({ start, end }) => [[start, 1] as const, [end, -1] as const]))
    .sort(([a, up], [b, down]) => a - b || up - down);
  const found: Span[] = [];
  let speaking = 0;
  for (const [time, step] of edges) {
    if (speaking === 1 && step === 1) found.push({ start: time, end: time });
    speaking += step;
    const last = found.at(-1);
    if (speaking === 1 && step === -1 && last) last.end = time;
  }
  return found.filter(({ start, end }) => end > start);
}

/** Durée totale, en secondes. */
export function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((total, { start, end }) => total + end - start, 0);
}

/** Instant lisible : heures s'il y en a, minutes, secondes, dixièmes. */
export function clock(value: number): string {
  const tenths = Math.round(value * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).replace(".", ",").padStart(4, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

const COLORS = ["primary", "secondary", "success", "warning", "error", "info"] as const;

/** Couleur d'un locuteur, d'après son rang d'entrée ; elle suit le clair et le sombre. */
export function colorOf(rank: number): string {
  const name = COLORS[Math.max(0, rank) % COLORS.length] ?? COLORS[0];
  return `var(--mui-palette-${name}-main)`;
}
