import { FormControlLabel, Stack, Switch, TextField, Typography } from "@mui/material";
import type { Options } from "../job/request";
import type { Desk } from "../job/useDesk";
import { T } from "../texts";
import { Choice } from "./Choice";

const FIELDS = { exact: "num_speakers", min: "min_speakers", max: "max_speakers" } as const;

/** Réglages d'une diarisation : combien de locuteurs, et la forme des tours. */
export function SpeakerFields({ desk: { session, state, task, diarizer, limits, problems } }: { desk: Desk }) {
  const { capabilities } = diarizer;
  if (!capabilities || !limits) return null;
  const { options } = state;
  const has = (feature: string) => capabilities.features.includes(feature);
  const countings = (["auto", "exact", "bounds"] as const).filter(
    (one) => one === "auto" || (one === "exact" ? has(FIELDS.exact) : has(FIELDS.min) || has(FIELDS.max)),
  );
  const number = (name: keyof typeof FIELDS) => (
    <TextField
      key={name}
      size="small"
      fullWidth
      label={T[name]}
      value={options[name]}
      onChange={(event) => session.setOptions({ [name]: event.target.value.trim() } as Partial<Options>)}
      error={options[name] !== "" && problems[FIELDS[name]] !== undefined}
      slotProps={{ htmlInput: { inputMode: "numeric", "data-testid": `audio-${name}` } }}
    />
  );
  const shown = options.counting === "exact" ? (["exact"] as const) : (["min", "max"] as const);
  // Un champ encore vide attend : ce n'est pas une faute.
  const problem = shown.map((name) => options[name] && problems[FIELDS[name]]).find(Boolean);
  return (
    <>
      {countings.length > 1 && (
        <Choice
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
            {shown.filter((name) => has(FIELDS[name])).map(number)}
          </Stack>
          <Typography
            variant="caption"
            color={problem ? "error" : "textSecondary"}
            role="status"
            sx={{ display: "block", mt: 0.5 }}
            data-testid="audio-count-help"
          >
            {problem ?? T.countHelp(limits.maxSpeakers)}
          </Typography>
        </div>
      )}
      {task === "diarize" && has("exclusive_turns") && (
        <FormControlLabel
          control={<Switch size="small" checked={options.exclusive} />}
          label={T.exclusive}
          onChange={(_event, checked) => session.setOptions({ exclusive: checked })}
          data-testid="audio-exclusive"
          sx={{ ml: 0, gap: 1 }}
        />
      )}
    </>
  );
}
