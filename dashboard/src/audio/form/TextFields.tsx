import { FormControlLabel, Switch, TextField } from "@mui/material";
import type { Options } from "../job/request";
import type { Desk } from "../job/useDesk";
import { languageName, T } from "../texts";

/** Réglages d'une transcription ; chacun seulement si le modèle l'annonce. */
export function TextFields({ desk: { session, state, transcriber, limits, problems } }: { desk: Desk }) {
  const { capabilities } = transcriber;
  if (!capabilities) return null;
  const { options } = state;
  const { languages, features } = capabilities;
  const has = (feature: string) => features.includes(feature);
  const known = languages.map((code) => [code, languageName(code)] as const);
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
      {languages.length > 0 && (
        <TextField
          select
          fullWidth
          size="small"
          label={T.language}
          value={languages.includes(options.language) ? options.language : ""}
          onChange={(event) => session.setOptions({ language: event.target.value })}
          slotProps={{
            select: { native: true },
            inputLabel: { shrink: true },
            htmlInput: { "data-testid": "audio-language" },
          }}
        >
          <option value="">{has("language_detection") ? T.detect : T.modelLanguage}</option>
          {known
            .toSorted(([, a], [, b]) => a.localeCompare(b, "fr"))
            .map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
        </TextField>
      )}
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
