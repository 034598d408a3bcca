const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** Taille d'une mémoire, en unités binaires, comme les messages du serveur. */
export function memory(bytes: number): string {
  if (bytes >= GIB) return `${decimal(bytes / GIB, bytes < 99.95 * GIB ? 1 : 0)} Gio`;
  return `${Math.round(bytes / MIB)} Mio`;
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

function decimal(value: number, digits: number): string {
  return value.toFixed(digits).replace(".", ",");
}
