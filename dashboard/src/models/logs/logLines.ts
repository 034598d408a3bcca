// Les lignes d'un journal : ce qu'on en garde, et ce qu'on en montre.

/** Lignes gardées au plus. */
export const MAX_LINES = 3_000;

/** Champs qu'une ligne montre à part, ou qui ne disent rien d'un modèle dont on lit déjà le journal. */
const ASIDE = new Set(["time", "level", "event", "logger", "process_name"]);

export interface LogLine {
  /** Rang depuis l'ouverture. */
  id: number;
  /** La ligne, telle que le processus l'a écrite. */
  raw: string;
  /** Heure locale ; vide si la ligne n'est pas un événement. */
  time: string;
  level: string;
  text: string;
}

/** Lit une ligne : un événement JSON de Passerelle, ou le texte libre d'une bibliothèque. */
export function readLine(raw: string, id: number): LogLine {
  const event = parse(raw);
  if (!event) return { id, raw, time: "", level: "", text: raw };
  const values = Object.entries(event)
    .filter(([name]) => !ASIDE.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return {
    id,
    raw,
    time: new Date(String(event.time)).toLocaleTimeString("fr-FR"),
    level: String(event.level),
    text: [event.event, ...values].join(" "),
  };
}

/** Ajoute des lignes, et oublie les plus anciennes au-delà de `MAX_LINES`. */
export function append(kept: readonly LogLine[], lines: readonly string[]): LogLine[] {
  const next = (kept.at(-1)?.id ?? -1) + 1;
  return [...kept, ...lines.map((raw, rank) => readLine(raw, next + rank))].slice(-MAX_LINES);
}

/** Lignes qui contiennent `text`, casse ignorée. */
export function matching(lines: readonly LogLine[], text: string): readonly LogLine[] {
  const wanted = text.trim().toLowerCase();
  return wanted ? lines.filter(({ raw }) => raw.toLowerCase().includes(wanted)) : lines;
}

function parse(raw: string): Record<string, unknown> | undefined {
  if (!raw.startsWith("{")) return undefined;
  try {
    const found = JSON.parse(raw) as Record<string, unknown>;
    return typeof found.event === "string" && !Number.isNaN(Date.parse(String(found.time))) ? found : undefined;
  } catch {
    return undefined;
  }
}
