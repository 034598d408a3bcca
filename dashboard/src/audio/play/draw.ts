import { type Peaks, resampled } from "../wave/peaks";

const BAR_PX = 2;
const GAP_PX = 1;
/** Largeur d'une image qu'aucun navigateur ne refuse ; au-delà, elle est étirée. */
const MAX_PX = 16_384;

/** Dessine une onde, à la couleur et à la taille de son élément. */
export function drawWave(canvas: HTMLCanvasElement, peaks: Peaks): void {
  const context = canvas.getContext("2d");
  const { clientWidth, clientHeight } = canvas;
  if (!context || !clientWidth) return;
  const scale = Math.min(devicePixelRatio || 1, MAX_PX / clientWidth);
  canvas.width = Math.round(clientWidth * scale);
  canvas.height = Math.round(clientHeight * scale);
  context.scale(scale, scale);
  context.fillStyle = getComputedStyle(canvas).color;
  const step = BAR_PX + GAP_PX;
  const bars = resampled(peaks, Math.max(1, Math.floor(clientWidth / step)));
  // La crête la plus haute touche le bord : un enregistrement faible reste lisible.
  const most = Math.max(0.01, ...bars);
  bars.forEach((peak, index) => {
    const height = Math.max(1, (peak / most) * (clientHeight - 8));
    context.fillRect(index * step, (clientHeight - height) / 2, BAR_PX, height);
  });
}
