import { Box, Typography } from "@mui/material";
import type { Segment } from "./events";
import { clock } from "./lanes";

/** Segments d'une transcription, chacun avec son instant et son locuteur. */
export function Transcript({ segments }: { segments: Segment[] }) {
  return (
    <Box sx={{ maxHeight: 320, overflowY: "auto" }} data-testid="audio-transcript">
      {segments.map((segment) => (
        <Typography key={segment.index} sx={{ display: "flex", gap: 1.5, py: 0.25 }} component="p">
          <Typography component="span" variant="caption" color="text.secondary" sx={{ minWidth: 56, pt: 0.4 }}>
            {clock(segment.start)}
          </Typography>
          <span>
            {segment.speaker && <strong>{segment.speaker} : </strong>}
            {segment.text}
          </span>
        </Typography>
      ))}
    </Box>
  );
}
