// Ce qui s'écrit sous l'axe du temps.

export const DAY_SECONDS = 86_400;
const CLOCK = new Intl.DateTimeFormat("fr-FR", { hour: "2-digit", minute: "2-digit" });

/** L'heure de chaque graduation. */
export function hours(splits: number[]): string[] {
  return splits.map((at) => CLOCK.format(at * 1_000));
}

/** Le jour des graduations qui sont à son début ; ceux d'UTC si `daily`, sinon ceux de `zone`, ici par défaut. */
export function days(splits: number[], daily: boolean, zone?: string): string[] {
  const timeZone = daily ? "UTC" : zone;
  const date = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", ...(timeZone && { timeZone }) });
  return splits.map((at) => {
    const day = date.format(at * 1_000);
    return day === date.format(at * 1_000 - 1) ? "" : day;
  });
}
