import { Box, Tooltip } from "@mui/material";
import { type KeyboardEvent, type PointerEvent, useState } from "react";
import { Link } from "wouter";
import { nearest, rangeOf, spanOf, traces } from "../machine/curves";
import type { Point } from "../status/history";
import { useServer } from "../status/StatusProvider";
import { french } from "../typography";
import { FORMATS, type Row, requestsAt, SCALES } from "./rows";
import { type Curved, T } from "./texts";

const WIDTH = 200;
const HEIGHT = 40;
const CLOCK = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });

interface Props {
  row: Row;
  measure: Curved;
  /** Avance de l'horloge du serveur sur celle du navigateur, en millisecondes. */
  ahead: number;
}

/** Les dernières minutes d'une ligne ; un instant mène à ses requêtes : celui qu'on désigne, à défaut le plus haut. */
export function Spark({ row, measure, ahead }: Props) {
  const { history } = useServer();
  const [chosen, setChosen] = useState<number>();
  const pieces = history.pieces(row.series(measure));
  const range = rangeOf(pieces);
  const end = history.latest;
  if (!range) return <Box role="img" aria-label={T.sparkEmpty(row.title)} sx={{ minHeight: "1em" }} />;
  const points = pieces.flat();
  const format = (value: number) => french(FORMATS[measure](value));
  const span = spanOf(pieces, end);
  const { line, area } = traces(
    pieces,
    { end, span, low: 0, high: Math.max(SCALES[measure], range.high) },
    WIDTH,
    HEIGHT,
  );
  const found = points.find(({ at }) => at === chosen) ?? peakOf(points);
  const clock = CLOCK.format(found.at + ahead);
  const what = T.curves.find(([name]) => name === measure)?.[1].toLowerCase() ?? "";
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setChosen(nearest(pieces, { end, span }, (event.clientX - box.left) / box.width)?.at);
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    setChosen(points[Math.max(0, Math.min(points.length - 1, points.indexOf(found) + step))]?.at);
  };
  const place = ((found.at - end + span) / span) * WIDTH;
  return (
    <Tooltip title={T.at(clock, format(found.value))} placement="top">
      <Box
        component={Link}
        href={requestsAt(row.gpu, found.at + ahead)}
        aria-label={T.spark(row.title, what, format(range.low), format(range.high), clock)}
        data-testid={`wall-spark-${row.id}`}
        data-at={found.at + ahead}
        data-points={points.length}
        onPointerMove={point}
        onPointerLeave={() => setChosen(undefined)}
        onBlur={() => setChosen(undefined)}
        onKeyDown={move}
        sx={{ display: "block", minWidth: 0, color: "primary.main", borderRadius: 1 }}
      >
        <Box
          component="svg"
          aria-hidden
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          sx={{ display: "block", width: "100%", height: "1.9em", overflow: "visible" }}
        >
          <path d={area} fill="currentColor" fillOpacity={0.18} />
          <path d={line} fill="none" stroke="currentColor" strokeWidth={2} vectorEffect="non-scaling-stroke" />
          {chosen !== undefined && (
            <path
              d={`M${place} 0V${HEIGHT}`}
              stroke="currentColor"
              strokeDasharray="3 3"
              vectorEffect="non-scaling-stroke"
            />
          )}
        </Box>
      </Box>
    </Tooltip>
  );
}

/** Le plus haut, et de ceux-là le plus récent. */
function peakOf(points: Point[]): Point {
  return points.reduce((best, one) => (one.value >= best.value ? one : best));
}
