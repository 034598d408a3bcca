import { mdiClose, mdiPlay } from "@mdi/js";
import {
  Alert,
  Box,
  Button,
  FormControl,
  FormControlLabel,
  FormLabel,
  Radio,
  RadioGroup,
  Stack,
  Typography,
} from "@mui/material";
import { useId } from "react";
import { Icon } from "../../shell/Icon";
import { single } from "../../shell/single";
import { useAway } from "../../status/StatusProvider";
import type { Task } from "../job/request";
import type { Desk } from "../job/useDesk";
import { T, TASKS } from "../texts";
import { ModelLine } from "./ModelLine";
import { Section } from "./Section";
import { SpeakerFields } from "./SpeakerFields";
import { TextFields } from "./TextFields";

/** Ce que l'on demande, par quel modèle, avec quels réglages. */
export function TaskCard({ desk }: { desk: Desk }) {
  const { session, state, tasks, task, request, fileProblem, problems, transcriber, diarizer } = desk;
  const id = useId();
  const busy = state.job?.state === "running";
  const away = useAway();
  const ready = !away && state.source && request && !fileProblem && Object.keys(problems).length === 0;
  if (!task) return null;
  return (
    <Section title={T.options}>
      <FormControl>
        <FormLabel id={id} sx={{ mb: 1 }}>
          {T.task}
        </FormLabel>
        <RadioGroup
          aria-labelledby={id}
          value={task}
          onChange={(_event, value) => session.setTask(value as Task)}
          sx={{ display: "grid", gap: 1 }}
        >
          {tasks.map((one) => (
            <FormControlLabel
              key={one}
              value={one}
              disabled={busy}
              data-testid={`audio-task-${one}`}
              control={<Radio size="small" />}
              label={
                <Box>
                  <Typography sx={{ fontWeight: 600 }}>{TASKS[one].label}</Typography>
                  <Typography variant="body2" color="textSecondary">
                    {TASKS[one].does}
                  </Typography>
                </Box>
              }
              sx={{
                m: 0,
                px: 1,
                py: 1,
                border: 1,
                borderRadius: 1,
                borderColor: one === task ? "primary.main" : "divider",
              }}
            />
          ))}
        </RadioGroup>
      </FormControl>
      {task !== "diarize" && <ModelLine choice={transcriber} name="transcriber" desk={desk} />}
      {task !== "transcribe" && <ModelLine choice={diarizer} name="diarizer" desk={desk} />}
      <Box component="fieldset" disabled={busy} sx={{ border: 0, m: 0, p: 0, pt: 0.5, minWidth: 0 }}>
        <Stack spacing={2}>
          {task !== "diarize" && <TextFields desk={desk} />}
          {task !== "transcribe" && <SpeakerFields desk={desk} />}
        </Stack>
      </Box>
      {away && <Alert severity="warning">{away}</Alert>}
      {busy ? (
        <Button
          size="large"
          variant="outlined"
          color="inherit"
          startIcon={<Icon path={mdiClose} />}
          onClick={single(session.cancel)}
          data-testid="audio-cancel"
        >
          {T.cancel}
        </Button>
      ) : (
        <Button
          size="large"
          variant="contained"
          startIcon={<Icon path={mdiPlay} />}
          disabled={!ready}
          onClick={single(() => request && void session.start(request))}
          data-testid="audio-run"
        >
          {TASKS[task].run}
        </Button>
      )}
    </Section>
  );
}
