import "uplot/dist/uPlot.min.css";
import { Box } from "@mui/material";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { HEIGHT } from "./chart";
import { DAY_SECONDS, days, hours } from "./graduations";
import { lookOf } from "./Legend";
import type { Drawn } from "./lines";

export interface ChartProps {
  drawn: Drawn;
  /** Ce qu'elle montre, pour qui ne la voit pas. */
  label: string;
  format: (value: number) => string;
  /** Pas sous le pointeur ; `undefined` quand il s'en va. */
  onPoint: (rank: number | undefined) => void;
}

/** Écarts de graduation d'un décompte : une demi-requête n'est rien. */
const WHOLE = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((unit) => unit * 10 ** power)).flat();

/** Des courbes sur un même axe de temps ; leurs couleurs sont celles de la page, claire ou sombre. */
export function UsageChart({ drawn, label, format, onPoint }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef({ format, onPoint });
  latest.current = { format, onPoint };
  useEffect(() => {
    const root = frame.current;
    if (!root) return;
    const plot = new uPlot(
      optionsOf(root, drawn, latest),
      [drawn.times, ...drawn.lines.map((line) => line.values)] as uPlot.AlignedData,
      root,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: root.clientWidth, height: HEIGHT }));
    resized.observe(root);
    const turned = new MutationObserver(() => plot.redraw(false));
    turned.observe(document.documentElement, { attributeFilter: ["data-scheme"] });
    return () => {
      resized.disconnect();
      turned.disconnect();
      plot.destroy();
    };
  }, [drawn]);
  return (
    <Box
      ref={frame}
      role="img"
      aria-label={label}
      data-testid="usage-chart"
      data-lines={drawn.lines.length}
      sx={{ height: HEIGHT, minWidth: 0, overflow: "hidden", color: "text.secondary" }}
    />
  );
}

function optionsOf(
  root: HTMLElement,
  { times, lines }: Drawn,
  latest: { current: Pick<ChartProps, "format" | "onPoint"> },
): uPlot.Options {
  const ink = () => getComputedStyle(root).color;
  const dark = () => document.documentElement.dataset.scheme === "dark";
  const grid = { stroke: () => `color-mix(in srgb, ${ink()} 20%, transparent)`, width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: `12px ${getComputedStyle(root).fontFamily}` };
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const whole = lines.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
  const daily = (times[1] ?? 0) - (times[0] ?? 0) >= DAY_SECONDS;
  return {
    width: root.clientWidth,
    height: HEIGHT,
    // Un jour est celui d'UTC : ses graduations aussi.
    ...(daily && { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1_000), "UTC") }),
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), high || 1] } },
    axes: [
      { ...axis, values: (_, splits) => (span > 2 * DAY_SECONDS ? days(splits, daily) : hours(splits)) },
      {
        ...axis,
        ...(whole && { incrs: WHOLE }),
        size: 72,
        values: (_, splits) => splits.map((value) => latest.current.format(value)),
      },
    ],
    series: [
      {},
      ...lines.map((_, rank) => ({
        stroke: () => lookOf(rank, dark()).color,
        dash: [...lookOf(rank, false).dash],
        width: 2,
        points: { show: times.length < 60, size: 5 },
      })),
    ],
    hooks: { setCursor: [({ cursor }) => latest.current.onPoint(cursor.idx ?? undefined)] },
  };
}
