import { Alert, Button, FormControlLabel, LinearProgress, Paper, Stack, Switch, Typography } from "@mui/material";
import { useState } from "react";
import { bytes } from "../format";
import { STAGES, T } from "../fr";
import { lanes } from "./lanes";
import { Timeline } from "./Timeline";
import { Transcript } from "./Transcript";
import { useAudio } from "./useAudio";

/** Transcription et diarisation d'un fichier. */
export function AudioPanel({ transcribes, diarizes }: { transcribes: boolean; diarizes: boolean }) {
  const [file, setFile] = useState<File>();
  const [separate, setSeparate] = useState(false);
  const { job, start, cancel, clear } = useAudio();
  const found = job.result ? lanes(job.result) : [];
  const silent = job.result && job.segments.length === 0 && found.length === 0;
  const transcribePath = `/api/audio/transcribe?stream=true${separate ? "&diarize=true" : ""}`;

  return (
    <Paper variant="outlined" component="section" aria-labelledby="audio-title" sx={{ p: { xs: 2, sm: 3 } }}>
      <Stack spacing={2}>
        <Typography id="audio-title" variant="h2">
          {T.audio.title}
        </Typography>
        <Stack direction={{ xs: "column", sm: "row" }} spacing={2} sx={{ alignItems: { sm: "center" } }}>
          <Button component="label" variant="outlined" disabled={job.running}>
            {T.audio.choose}
            <input
              type="file"
              hidden
              data-testid="audio-file"
              onChange={(event) => {
                setFile(event.target.files?.[0]);
                clear();
              }}
            />
          </Button>
          <Typography color="text.secondary" sx={{ overflowWrap: "anywhere" }}>
            {file ? T.audio.chosen(file.name, bytes(file.size)) : T.audio.none}
          </Typography>
        </Stack>
        <Stack direction="row" spacing={2} useFlexGap sx={{ flexWrap: "wrap", alignItems: "center" }}>
          {transcribes && (
            <Button
              variant="contained"
              disabled={!file || job.running}
              onClick={() => file && void start(transcribePath, file)}
              data-testid="audio-transcribe"
            >
              {T.audio.transcribe}
            </Button>
          )}
          {diarizes && (
            <Button
              variant="contained"
              color="secondary"
              disabled={!file || job.running}
              onClick={() => file && void start("/api/diarization/process?stream=true", file)}
              data-testid="audio-diarize"
            >
              {T.audio.diarize}
            </Button>
          )}
          {transcribes && diarizes && (
            <FormControlLabel
              control={<Switch checked={separate} onChange={(_, checked) => setSeparate(checked)} />}
              label={T.audio.speakers}
              disabled={job.running}
              data-testid="audio-separate"
            />
          )}
          {job.running && (
            <Button color="inherit" onClick={cancel} data-testid="audio-cancel">
              {T.cancel}
            </Button>
          )}
        </Stack>
        {job.running && (
          <Stack spacing={0.5} data-testid="audio-progress">
            <Typography variant="caption" color="text.secondary">
              {job.stage ? (STAGES[job.stage] ?? job.stage) : T.audio.sending}
            </Typography>
            <LinearProgress
              aria-label={T.audio.title}
              variant={job.ratio === undefined ? "indeterminate" : "determinate"}
              value={100 * (job.ratio ?? 0)}
            />
          </Stack>
        )}
        {job.failure && (
          <Alert severity="error" data-testid="audio-failure">
            {job.failure}
          </Alert>
        )}
        {silent && <Alert severity="info">{T.audio.empty}</Alert>}
        {job.result && found.length > 0 && <Timeline lanes={found} duration={job.result.duration} />}
        {job.segments.length > 0 && <Transcript segments={job.segments} />}
        {job.result?.language && (
          <Typography variant="caption" color="text.secondary" data-testid="audio-end">
            {T.audio.language(job.result.language)}
          </Typography>
        )}
      </Stack>
    </Paper>
  );
}
