import { FormControlLabel, Switch, TextField } from "@mui/material";
import type { Options } from "../job/request";
import type { Desk } from "../job/useDesk";
import { T } from "../texts";
import { LanguageChoice } from "./Choice";

/** Réglages d'une transcription ; chacun seulement si le modèle l'annonce. */
export function TextFields({ desk: { session, state, transcriber, limits, problems } }: { desk: Desk }) {
  const { capabilities } = transcriber;
  if (!capabilities) return null;
  const { options } = state;
  const has = (feature: string) => capabilities.features.includes(feature);
  const toggle = (name: "translate" | "words" | "punctuation") => (
    <FormControlLabel
      control={<Switch size="small" checked={options[name]} />}
      label={T[name]}
      onChange={(_event, checked) => session.setOptions({ [name]: checked } as Partial<Options>)}
      data-testid={`audio-${name}`}
      sx={{ ml: 0, gap: 1 }}
    />
  );
  return (
    <>
      <LanguageChoice
        capabilities={capabilities}
        value={options.language}
        onChoose={(language) => session.setOptions({ language })}
        testId="audio-language"
      />
      {has("translate") && toggle("translate")}
      {has("word_timestamps") && toggle("words")}
      {has("punctuation") && toggle("punctuation")}
      {has("prompt") && limits && (
        <TextField
          fullWidth
          multiline
          maxRows={6}
          size="small"
          label={T.prompt}
          value={options.prompt}
          onChange={(event) => session.setOptions({ prompt: event.target.value })}
          error={problems.prompt !== undefined}
          helperText={
            problems.prompt ??
            (options.prompt ? T.promptCount([...options.prompt].length, limits.maxPromptCharacters) : T.promptHelp)
          }
          slotProps={{ htmlInput: { "data-testid": "audio-prompt" } }}
        />
      )}
    </>
  );
}
