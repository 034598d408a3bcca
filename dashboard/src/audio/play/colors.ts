const COLORS = ["primary", "secondary", "success", "warning", "error", "info"] as const;

/** Couleur d'un locuteur, d'après son rang d'entrée ; elle suit le clair et le sombre. */
export function colorOf(rank: number): string {
  const name = COLORS[Math.max(0, rank) % COLORS.length] ?? COLORS[0];
  return `var(--mui-palette-${name}-main)`;
}
