import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Temps passé de `then` à `now` (secondes depuis 1970), à une unité près ; vide en dessous d'une minute. */
export function elapsed(then: Timestamp | undefined, now: number): string {
  const passed = then ? now - timestampMs(then) / 1000 : 0;
  if (passed < MINUTE) return "";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`;
  if (passed < DAY)
    return `${Math.floor(passed / HOUR)} h ${String(Math.floor((passed % HOUR) / MINUTE)).padStart(2, "0")}`;
  const days = Math.floor(passed / DAY);
  return days > 1 ? `${days} jours` : "1 jour";
}

/** Instant, tel qu'une balise `time` le veut. */
export function iso(value: Timestamp): string {
  return new Date(timestampMs(value)).toISOString();
}

/** Instant entier, à l'heure de la personne. */
export function instant(value: Timestamp): string {
  return new Date(timestampMs(value)).toLocaleString("fr-FR");
}
