export function percentage(value: number): string {
  return `${Math.round(value)} %`;
}

export function celsius(value: number): string {
  return `${Math.round(value)} °C`;
}

export function watts(value: number): string {
  return `${Math.round(value)} W`;
}
