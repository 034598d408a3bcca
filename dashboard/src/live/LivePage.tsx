import { Alert, Box, Stack } from "@mui/material";
import { T } from "./texts";
import { useStudio } from "./useStudio";
import { ControlCard } from "./view/ControlCard";
import { RequestCard } from "./view/RequestCard";
import { TranscriptCard } from "./view/TranscriptCard";

/** Essayer la transcription en direct : un microphone, le texte à mesure, ce qu'on en emporte, et la requête. */
export function LivePage() {
  const studio = useStudio();
  if (!studio.ready) return null;
  if (!studio.model) return <Alert severity="info">{T.noModel}</Alert>;
  return (
    <Box
      data-testid="live-page"
      sx={{
        display: "grid",
        gap: 3,
        alignItems: "start",
        gridTemplateColumns: { xs: "minmax(0, 1fr)", lg: "minmax(0, 5fr) minmax(0, 8fr)" },
      }}
    >
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        {studio.failure && <Alert severity="error">{studio.failure}</Alert>}
        <ControlCard studio={studio} />
      </Stack>
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        <TranscriptCard studio={studio} />
        {studio.capabilities && (
          <RequestCard capabilities={studio.capabilities} language={studio.state.options.language} />
        )}
      </Stack>
    </Box>
  );
}
