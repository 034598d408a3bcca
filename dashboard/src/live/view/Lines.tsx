import { Box, Typography } from "@mui/material";
import { useEffect, useRef } from "react";
import type { Segment } from "../../audio/job/events";
import { T } from "../texts";
import { stopwatch } from "./useElapsed";

/** Pixels du bas où l'on est encore « à la fin ». */
const NEAR = 48;

/** Les phrases finies, avec leur instant, puis le texte provisoire ; suit la fin, sauf si on est remonté lire. */
export function Lines({ finals, partial }: { finals: Segment[]; partial: string }) {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: chaque changement du texte peut l'allonger.
  useEffect(() => {
    if (box.current && following.current) box.current.scrollTop = box.current.scrollHeight;
  }, [finals, partial]);
  return (
    <Box
      ref={box}
      // Elle défile : le clavier doit pouvoir y entrer.
      tabIndex={0}
      role="region"
      aria-label={T.newest}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
      sx={{ maxHeight: { xs: 360, lg: 480 }, overflowY: "auto", fontSize: "1.05rem", lineHeight: 1.6 }}
    >
      <Box role="log" aria-label={T.transcript} data-testid="live-finals">
        {finals.map(({ index, start, text }) => (
          <Line key={index} at={stopwatch(start)}>
            {text}
          </Line>
        ))}
      </Box>
      {partial && (
        <Line at="…">
          <Box component="span" data-testid="live-partial" sx={{ color: "text.secondary", fontStyle: "italic" }}>
            {partial}
          </Box>
        </Line>
      )}
    </Box>
  );
}

function Line({ at, children }: { at: string; children: React.ReactNode }) {
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "3.5rem minmax(0, 1fr)", py: 0.5 }}>
      <Typography
        component="span"
        variant="caption"
        color="textSecondary"
        sx={{ fontVariantNumeric: "tabular-nums", pt: 0.4 }}
      >
        {at}
      </Typography>
      <Box component="span" sx={{ overflowWrap: "anywhere" }}>
        {children}
      </Box>
    </Box>
  );
}
