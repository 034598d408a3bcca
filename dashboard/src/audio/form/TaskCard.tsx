import { mdiClose, mdiPlay } from "@mdi/js";
import {
  Alert,
  Box,
  FormControl,
  FormControlLabel,
  FormLabel,
  Radio,
  RadioGroup,
  Stack,
  Switch,
  Typography,
} from "@mui/material";
import { useId } from "react";
import { bytes } from "../../format";
import { Act, Choice, Field, Gauge, Hint, Note, Told } from "../../shell/kit";
import { single } from "../../shell/single";
import { useAway } from "../../status/StatusProvider";
import type { Options, Task } from "../job/request";
import type { Job } from "../job/session";
import type { Choice as Chosen, Desk } from "../job/useDesk";
import { RESULT_ID } from "../result/ResultCard";
import { STAGES, T, TASKS } from "../texts";
import { ActionBar, LanguageChoice, ModelLine, Section } from "./parts";

/** Ce que l'on demande, par quel modèle, avec quels réglages. */
export function TaskCard({ desk }: { desk: Desk }) {
  const { session, state, tasks, task, transcriber, diarizer } = desk;
  const id = useId();
  const busy = state.job?.state === "running";
  const line = (name: "transcriber" | "diarizer", { models, model }: Chosen, chosen = true) => (
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
                  <Note>{TASKS[one].does}</Note>
                </Box>
              }
              sx={{ m: 0, p: 1, border: 1, borderRadius: 1, borderColor: one === task ? "primary.main" : "divider" }}
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

function Toggle({
  name,
  desk: { session, state },
}: {
  name: "translate" | "words" | "punctuation" | "exclusive";
  desk: Desk;
}) {
  return (
    <FormControlLabel
      control={<Switch size="small" checked={state.options[name]} />}
      label={T[name]}
      onChange={(_event, checked) => session.setOptions({ [name]: checked } as Partial<Options>)}
      data-testid={`audio-${name}`}
      sx={{ ml: 0, gap: 1 }}
    />
  );
}

/** Réglages d'une transcription ; chacun seulement si le modèle l'annonce. */
function TextFields({ desk }: { desk: Desk }) {
  const { session, state, transcriber, limits, problems } = desk;
  const { capabilities } = transcriber;
  if (!capabilities) return null;
  const { language, phrases, prompt } = state.options;
  const has = (feature: string) => capabilities.features.includes(feature);
  return (
    <>
      <LanguageChoice
        capabilities={capabilities}
        value={language}
        onChoose={(language) => session.setOptions({ language })}
        testId="audio-language"
      />
      {has("translate") && <Toggle name="translate" desk={desk} />}
      {has("word_timestamps") && <Toggle name="words" desk={desk} />}
      {has("punctuation") && <Toggle name="punctuation" desk={desk} />}
      {has("prompt") && limits && (
        <Field
          fullWidth
          multiline
          maxRows={6}
          label={T.prompt}
          value={prompt}
          onText={(prompt) => session.setOptions({ prompt })}
          fault={problems.prompt}
          help={prompt ? T.promptCount([...prompt].length, limits.maxPromptCharacters) : T.promptHelp}
          testId="audio-prompt"
        />
      )}
      {has("phrases") && limits && (
        <Field
          fullWidth
          multiline
          maxRows={6}
          label={T.phrases}
          value={phrases}
          onText={(phrases) => session.setOptions({ phrases })}
          fault={problems.phrases}
          help={T.phrasesHelp}
          testId="audio-phrases"
        />
      )}
    </>
  );
}

const FIELDS = { exact: "num_speakers", min: "min_speakers", max: "max_speakers" } as const;

/** Réglages d'une diarisation : combien de locuteurs, et la forme des tours. */
function SpeakerFields({ desk }: { desk: Desk }) {
  const { session, state, task, diarizer, limits, problems } = desk;
  const { capabilities } = diarizer;
  if (!capabilities || !limits) return null;
  const { options } = state;
  const has = (feature: string) => capabilities.features.includes(feature);
  const countings = (["auto", "exact", "bounds"] as const).filter(
    (one) => one === "auto" || (one === "exact" ? has(FIELDS.exact) : has(FIELDS.min) || has(FIELDS.max)),
  );
  const shown = options.counting === "exact" ? (["exact"] as const) : (["min", "max"] as const);
  // Un champ encore vide attend : ce n'est pas une faute.
  const problem = shown.map((name) => options[name] && problems[FIELDS[name]]).find(Boolean);
  return (
    <>
      {countings.length > 1 && (
        <Choice
          fullWidth
          label={T.counting}
          value={options.counting}
          options={countings.map((one) => [one, T.countings[one]])}
          onChoose={(counting) => session.setOptions({ counting: counting as Options["counting"] })}
          testId="audio-counting"
        />
      )}
      {options.counting !== "auto" && (
        <div>
          <Stack direction="row" spacing={1}>
            {shown
              .filter((name) => has(FIELDS[name]))
              .map((name) => (
                <Field
                  key={name}
                  fullWidth
                  label={T[name]}
                  value={options[name]}
                  onText={(text) => session.setOptions({ [name]: text.trim() } as Partial<Options>)}
                  error={options[name] !== "" && problems[FIELDS[name]] !== undefined}
                  html={{ inputMode: "numeric" }}
                  testId={`audio-${name}`}
                />
              ))}
          </Stack>
          <Hint
            color={problem ? "error" : "textSecondary"}
            role="status"
            sx={{ display: "block", mt: 0.5 }}
            data-testid="audio-count-help"
          >
            {problem ?? T.countHelp(limits.maxSpeakers)}
          </Hint>
        </div>
      )}
      {task === "diarize" && has("exclusive_turns") && <Toggle name="exclusive" desk={desk} />}
    </>
  );
}

/** Lancer ou annuler, et, à côté, pourquoi on ne peut pas, où en est le travail, comment il a fini. */
function RunBar({ desk: { session, state, task, request, blocked } }: { desk: Desk }) {
  const { job } = state;
  const away = useAway();
  const running = job?.state === "running";
  return (
    <ActionBar held={job !== undefined}>
      {running && <Progress job={job} />}
      <Told severity="info" testId="audio-cancelled" text={job?.state === "cancelled" && T.cancelled} />
      <Told severity="error" testId="audio-failure" text={job?.failure} />
      {job?.state === "done" && (
        <Alert
          severity="success"
          role="status"
          data-testid="audio-done"
          action={
            <Act
              label={T.seeResult}
              color="inherit"
              onClick={() => document.getElementById(RESULT_ID)?.scrollIntoView()}
            />
          }
        >
          {T.done(job.result?.turns?.length ?? job.segments.length)}
        </Alert>
      )}
      <Told severity="warning" text={away} />
      {blocked && <Note data-testid="audio-blocked">{blocked}</Note>}
      <Act
        label={running ? T.cancel : task && TASKS[task].run}
        icon={running ? mdiClose : mdiPlay}
        size="large"
        variant={running ? "outlined" : "contained"}
        color={running ? "inherit" : "primary"}
        disabled={!running && (away !== undefined || !request || blocked !== undefined)}
        onClick={single(() => (running ? session.cancel() : request && void session.start(request)))}
        testId={running ? "audio-cancel" : "audio-run"}
      />
    </ActionBar>
  );
}

/** L'envoi, puis les étapes que le serveur mène ; une étape finie ne tient plus de place. */
function Progress({ job: { sent, total, stages } }: { job: Job }) {
  const uploaded = sent >= total;
  const under = stages.filter(({ ratio }) => ratio !== 1);
  return (
    <Stack spacing={1} data-testid="audio-progress">
      {!uploaded && (
        <Bar label={T.sending} detail={T.sentOf(bytes(sent), bytes(total))} ratio={total ? sent / total : 0} />
      )}
      {uploaded && stages.length === 0 && <Note>{T.waiting}</Note>}
      {stages.length > 0 && under.length === 0 && <Bar label={T.finishing} ratio={undefined} />}
      {under.map(({ name, ratio }) => (
        <Bar key={name} label={STAGES[name] ?? name} ratio={ratio} />
      ))}
    </Stack>
  );
}

function Bar({ label, detail, ratio }: { label: string; detail?: string; ratio: number | undefined }) {
  const percent = ratio === undefined ? undefined : Math.min(100, Math.round(100 * ratio));
  return (
    <Box>
      <Stack direction="row" sx={{ justifyContent: "space-between" }}>
        <Typography variant="body2">{label}</Typography>
        <Note>{detail ?? (percent === undefined ? "" : `${percent} %`)}</Note>
      </Stack>
      <Gauge label={label} done={percent} height={6} />
    </Box>
  );
}
