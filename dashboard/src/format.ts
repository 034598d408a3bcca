import { french } from "./typography";

const SIZES = ["o", "ko", "Mo", "Go", "To"];
const MEMORIES = ["o", "Kio", "Mio", "Gio", "Tio"];

/** Taille d'un fichier, en unités décimales. */
export function bytes(value: number): string {
  let unit = 0;
  let size = value;
  while (size >= 999.5 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return french(`${decimal(size, unit > 0 && size < 9.95 ? 1 : 0)} ${SIZES[unit]}`);
}

/** Taille d'une mémoire, en unités binaires, au dixième comme dans les messages du serveur. */
export function memory(value: number): string {
  let unit = 0;
  let size = value;
  while (size >= 1023.95 && unit < MEMORIES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return french(`${decimal(size, unit > 0 ? 1 : 0)} ${MEMORIES[unit]}`);
}

/** Durée lisible, arrondie à la seconde. */
export function seconds(value: number): string {
  return french(clock(Math.max(0, Math.round(value))));
}

function clock(whole: number): string {
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Part faite, de 0 à 100 ; `undefined` si elle est inconnue. */
export function percent(done: number | undefined, total: number | undefined): number | undefined {
  if (done === undefined || !total) return undefined;
  return Math.min(100, (100 * done) / total);
}

function decimal(value: number, digits: number): string {
  return value.toFixed(digits).replace(".", ",");
}

export function percentage(value: number): string {
  return `${Math.round(value)} %`;
}

export function celsius(value: number): string {
  return `${Math.round(value)} °C`;
}

export function watts(value: number): string {
  return `${Math.round(value)} W`;
}
