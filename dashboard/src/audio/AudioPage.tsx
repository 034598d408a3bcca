import { Alert, Box, Stack } from "@mui/material";
import { FileCard } from "./form/FileCard";
import { TaskCard } from "./form/TaskCard";
import { useDesk } from "./job/useDesk";
import { RequestCard } from "./RequestCard";
import { ResultCard } from "./result/ResultCard";
import { T } from "./texts";

/** Essayer la transcription et la diarisation : un fichier, ce qu'on en demande, ce qui en sort, et la requête. */
export function AudioPage() {
  const desk = useDesk();
  const { ready, task, failure, request } = desk;
  const { source, job } = desk.state;
  if (!ready) return null;
  if (!task) return <Alert severity="info">{T.noModel}</Alert>;
  return (
    <Box
      data-testid="audio-desk"
      sx={{
        display: "grid",
        gap: 3,
        gridTemplateColumns: { xs: "minmax(0, 1fr)", lg: "minmax(0, 5fr) minmax(0, 8fr)" },
      }}
    >
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        {failure && <Alert severity="error">{failure}</Alert>}
        <FileCard desk={desk} />
        <TaskCard desk={desk} />
      </Stack>
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        {source && <ResultCard key={source.url} desk={desk} source={source} />}
        <RequestCard sent={job?.request} next={request} file={source?.file.name ?? "audio.wav"} />
      </Stack>
    </Box>
  );
}
