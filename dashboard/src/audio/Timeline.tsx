import { Box, Stack, Typography, useTheme } from "@mui/material";
import { seconds } from "../format";
import { T } from "../fr";
import { clock, type Lane } from "./lanes";

/** Tours de parole sur une ligne de temps, une voie par locuteur. */
export function Timeline({ lanes, duration }: { lanes: Lane[]; duration: number }) {
  const { palette } = useTheme();
  const colors = [palette.primary.main, palette.secondary.main, palette.success.main, palette.warning.main];
  return (
    <Stack spacing={1} role="list" aria-label={T.audio.turns} data-testid="audio-timeline">
      {lanes.map((lane, index) => (
        <Box key={lane.speaker} role="listitem" data-testid="audio-lane">
          <Typography variant="caption" color="text.secondary">
            {lane.speaker} · {T.audio.speaking(seconds(lane.seconds))}
          </Typography>
          <Box sx={{ position: "relative", height: 16, borderRadius: 1, bgcolor: "action.hover", overflow: "hidden" }}>
            {lane.turns.map((turn) => (
              <Box
                key={turn.start}
                title={T.audio.turn(turn.speaker, clock(turn.start), clock(turn.end))}
                sx={{
                  position: "absolute",
                  top: 0,
                  bottom: 0,
                  left: `${(100 * turn.start) / duration}%`,
                  width: `${Math.max(0.2, (100 * (turn.end - turn.start)) / duration)}%`,
                  bgcolor: colors[index % colors.length],
                }}
              />
            ))}
          </Box>
        </Box>
      ))}
    </Stack>
  );
}
