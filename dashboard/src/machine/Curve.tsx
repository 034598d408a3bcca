import { Box } from "@mui/material";
import { type PointerEvent, useState } from "react";
import { seconds } from "../format";
import { Hint } from "../shell/kit";
import { useServer } from "../status/StatusProvider";
import { coveredBy, nearest, rangeOf, spanOf, traces } from "./curves";
import { T } from "./texts";

const WIDTH = 200;
const HEIGHT = 32;

export interface CurveProps {
  /** Nom de la courbe dans l'histoire. */
  series: string;
  label: string;
  format: (value: number) => string;
  /** Bornes de l'échelle ; sans `high`, celle du plus haut relevé. */
  low?: number;
  high?: number | undefined;
  /** Ce que vaut au moins le haut de l'échelle, sans `high`. */
  least?: number;
}

/** Les dernières minutes d'une mesure, dix au plus : un trait, ses bornes écrites, et sa valeur là où l'on pointe. */
export function Curve({ series, label, format, low = 0, high, least = 0 }: CurveProps) {
  const { history } = useServer();
  const [place, setPlace] = useState<number>();
  const pieces = history.pieces(series);
  const range = rangeOf(pieces);
  const end = history.latest;
  if (!range) return <Box role="img" aria-label={T.curveEmpty(label)} sx={{ height: HEIGHT + 20 }} />;
  const span = spanOf(pieces, end);
  const { line, area } = traces(pieces, { end, span, low, high: high ?? Math.max(least, range.high) }, WIDTH, HEIGHT);
  const now = pieces.at(-1)?.at(-1)?.value ?? range.low;
  const covered = coveredBy(pieces, end) / 1_000;
  const pointed = place === undefined ? undefined : nearest(pieces, { end, span }, place);
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setPlace((event.clientX - box.left) / box.width);
  };
  return (
    <Box sx={{ minWidth: 0 }}>
      <Box
        component="svg"
        role="img"
        aria-label={T.curve(
          label,
          covered < 1 ? "" : seconds(covered),
          format(range.low),
          format(range.high),
          format(now),
        )}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        data-testid={`curve-${series}`}
        data-points={pieces.flat().length}
        data-pieces={pieces.length}
        onPointerMove={point}
        onPointerLeave={() => setPlace(undefined)}
        sx={{ display: "block", width: "100%", height: HEIGHT, overflow: "visible", color: "primary.main" }}
      >
        <path
          d={`M0 ${HEIGHT}H${WIDTH}`}
          stroke="currentColor"
          strokeOpacity={0.25}
          vectorEffect="non-scaling-stroke"
        />
        <path d={area} fill="currentColor" fillOpacity={0.14} />
        <path
          d={line}
          fill="none"
          stroke="currentColor"
          strokeWidth={1.5}
          strokeLinecap="round"
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
      </Box>
      <Hint noWrap aria-hidden sx={{ display: "block" }}>
        {pointed
          ? T.ago(seconds((end - pointed.at) / 1_000), format(pointed.value))
          : T.range(format(range.low), format(range.high))}
      </Hint>
    </Box>
  );
}
