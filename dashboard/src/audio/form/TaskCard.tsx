import { Box, FormControl, FormControlLabel, FormLabel, Radio, RadioGroup, Stack, Typography } from "@mui/material";
import { useId } from "react";
import type { Task } from "../job/request";
import type { Choice, Desk } from "../job/useDesk";
import { T, TASKS } from "../texts";
import { ModelLine } from "./ModelLine";
import { RunBar } from "./RunBar";
import { Section } from "./Section";
import { SpeakerFields } from "./SpeakerFields";
import { TextFields } from "./TextFields";

/** Ce que l'on demande, par quel modèle, avec quels réglages. */
export function TaskCard({ desk }: { desk: Desk }) {
  const { session, state, tasks, task, transcriber, diarizer } = desk;
  const id = useId();
  const busy = state.job?.state === "running";
  const line = (name: "transcriber" | "diarizer", { models, model }: Choice, chosen = true) => (
    <ModelLine
      label={T[name]}
      models={models}
      model={model}
      disabled={busy}
      onChoose={chosen ? (key) => session.setOptions({ [name]: key }) : undefined}
      testId={`audio-${name}`}
    />
  );
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
      {task !== "diarize" && line("transcriber", transcriber)}
      {/* Une transcription avec locuteurs emploie le modèle de diarisation du profil. */}
      {task !== "transcribe" && line("diarizer", diarizer, task === "diarize")}
      <Box component="fieldset" disabled={busy} sx={{ border: 0, m: 0, p: 0, pt: 0.5, minWidth: 0 }}>
        <Stack spacing={2}>
          {task !== "diarize" && <TextFields desk={desk} />}
          {task !== "transcribe" && <SpeakerFields desk={desk} />}
        </Stack>
      </Box>
      <RunBar desk={desk} />
    </Section>
  );
}
