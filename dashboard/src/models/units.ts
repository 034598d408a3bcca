import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

const UNITS = ["o", "Kio", "Mio", "Gio", "Tio"];
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Mémoire lisible, en unités binaires : celles des GPU et de leurs outils. */
export function memory(value: number): string {
  let unit = 0;
  let size = value;
  while (size >= 1023.5 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && size < 99.95 ? 1 : 0;
  return `${size.toFixed(digits).replace(".", ",")} ${UNITS[unit]}`;
}

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

/** Instant entier, à l'heure de la personne. */
export function instant(value: Timestamp): string {
  return new Date(timestampMs(value)).toLocaleString("fr-FR");
}
