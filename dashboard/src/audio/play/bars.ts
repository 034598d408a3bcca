import { type Peaks, resampled } from "../wave/peaks";

/** Pas des barres, en pixels. */
export const STEP_PX = 3;

/** Barres d'une onde, en tracé SVG : la plus haute touche le bord, pour qu'un enregistrement faible reste lisible. */
export function barsOf(peaks: Peaks, width: number, height: number): string {
  const bars = resampled(peaks, Math.max(1, Math.floor(width / STEP_PX)));
  const most = bars.reduce((a, b) => Math.max(a, b), 0.01);
  const middle = height / 2;
  return [...bars]
    .map((peak, index) => {
      const half = Math.max(0.5, (peak / most) * (middle - 4));
      return `M${index * STEP_PX + 1} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    })
    .join("");
}
