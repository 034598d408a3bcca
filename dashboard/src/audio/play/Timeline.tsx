import { Box, Stack, Typography } from "@mui/material";
import { useEffect, useMemo, useRef, useState } from "react";
import { seconds } from "../../format";
import { type Lane, lengthOf, overlapsOf } from "../result/lanes";
import { T } from "../texts";
import type { Peaks } from "../wave/peaks";
import { Controls } from "./Controls";
import { colorOf } from "./colors";
import { LaneBar, place } from "./LaneBar";
import { LaneHeader } from "./LaneHeader";
import type { Player } from "./Player";
import { Waveform } from "./Waveform";

/** Secondes que montre l'écran à l'agrandissement le plus fort. */
const FINEST_S = 20;

interface Props {
  player: Player;
  peaks: Peaks | undefined;
  /** Secondes. */
  duration: number;
  lanes: Lane[];
  nameOf: (speaker: string) => string;
  onRename: (speaker: string, name: string) => void;
}

/** L'onde et, dessous, une voie par locuteur, sur la même échelle de temps. */
export function Timeline({ player, peaks, duration, lanes, nameOf, onRename }: Props) {
  const [zoom, setZoom] = useState(1);
  const maxZoom = Math.min(64, 2 ** Math.floor(Math.log2(Math.max(1, duration / FINEST_S))));
  const scroll = useRef<HTMLDivElement>(null);
  const cursor = useRef<HTMLDivElement>(null);
  const overlaps = useMemo(() => overlapsOf(lanes), [lanes]);
  const total = lanes.reduce((sum, lane) => sum + lane.seconds, 0);

  useEffect(() => {
    const follow = () => {
      const ratio = Math.min(1, player.time / duration);
      if (cursor.current) cursor.current.style.transform = `translateX(${100 * ratio}%)`;
      const box = scroll.current;
      if (!box || zoom === 1 || !player.playing) return;
      const x = ratio * box.scrollWidth;
      if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 4;
    };
    follow();
    return player.subscribe(follow);
  }, [player, duration, zoom]);

  return (
    <Stack spacing={1.5} data-testid="audio-timeline">
      <Controls player={player} duration={duration} zoom={zoom} maxZoom={maxZoom} onZoom={setZoom} />
      <Box ref={scroll} sx={{ overflowX: zoom > 1 ? "auto" : "visible", py: 0.5 }}>
        <Box sx={{ position: "relative", width: `${100 * zoom}%` }}>
          <Waveform player={player} peaks={peaks} duration={duration} />
          {lanes.length > 0 && (
            <Stack spacing={1} role="list" aria-label={T.timeline} sx={{ mt: 1 }}>
              {lanes.map((lane, rank) => {
                const shown = { lane, name: nameOf(lane.speaker), color: colorOf(rank) };
                return (
                  <Box key={lane.speaker} role="listitem" data-testid="audio-lane">
                    <LaneHeader {...shown} total={total} onRename={onRename} />
                    <LaneBar {...shown} duration={duration} player={player} />
                  </Box>
                );
              })}
              {overlaps.length > 0 && (
                <Box role="listitem" data-testid="audio-overlaps">
                  <Typography
                    variant="body2"
                    color="textSecondary"
                    sx={{ position: "sticky", left: 0, width: "fit-content" }}
                  >
                    {T.overlaps} · {seconds(lengthOf(overlaps))}
                  </Typography>
                  <Box
                    aria-hidden
                    sx={{
                      position: "relative",
                      height: 8,
                      borderRadius: 1,
                      bgcolor: "action.hover",
                      "& span": {
                        position: "absolute",
                        height: "100%",
                        minWidth: "3px",
                        borderRadius: 1,
                        backgroundColor: "text.secondary",
                      },
                    }}
                  >
                    {overlaps.map((span) => (
                      <span key={span.start} style={place(span, duration)} />
                    ))}
                  </Box>
                </Box>
              )}
            </Stack>
          )}
          {/* Déplacé par transformation : des milliers de tours n'ont pas à être replacés à chaque image. */}
          <Box
            aria-hidden
            sx={{ position: "absolute", inset: "0 -2px 0 0", overflow: "hidden", pointerEvents: "none" }}
          >
            <Box
              ref={cursor}
              data-testid="audio-cursor"
              sx={{ height: "100%", mr: "2px", borderLeft: 2, borderColor: "text.primary", willChange: "transform" }}
            />
          </Box>
        </Box>
      </Box>
    </Stack>
  );
}
