import { Box, Button, MenuItem, Stack, TextField, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { Bounds, Problems, Settings } from "./question";
import { T } from "./texts";

interface Props {
  settings: Settings;
  problems: Problems;
  bounds: Bounds;
  models: Model[];
  model: string;
  versus: string;
  /** `undefined` remet les valeurs de départ. */
  onChange: (settings: Settings | undefined) => void;
}

/** Réglages de la prochaine requête ; chacun dit sa limite, et ce qui ne va pas. */
export function SettingsPanel({ settings, problems, bounds, models, model, versus, onChange }: Props) {
  const field = (name: keyof Settings, label: string, help: string) => ({
    label,
    size: "small" as const,
    fullWidth: true,
    value: settings[name],
    error: problems[name] !== undefined,
    helperText: problems[name] ?? help,
    onChange: ({ target }: { target: { value: string } }) => onChange({ ...settings, [name]: target.value }),
    slotProps: { htmlInput: { "data-testid": `chat-setting-${name}`, inputMode: INPUT_MODES[name] } },
  });
  const { settings: words } = T;
  return (
    <Stack spacing={2} component="section" aria-label={words.title} data-testid="chat-settings">
      <Stack direction="row" sx={{ justifyContent: "space-between", alignItems: "center" }}>
        <Typography variant="h3" component="h3">
          {words.title}
        </Typography>
        <Button size="small" onClick={() => onChange(undefined)} data-testid="chat-settings-reset">
          {words.reset}
        </Button>
      </Stack>
      {models.length > 1 && (
        <TextField {...field("model", words.model, "")} select value={model} slotProps={MODEL_SLOTS}>
          {models.map(({ key, displayName }) => (
            <MenuItem key={key} value={key}>
              {displayName || key}
            </MenuItem>
          ))}
        </TextField>
      )}
      {models.length > 1 && (
        <TextField {...field("versus", words.versus, "")} select value={versus} slotProps={VERSUS_SLOTS}>
          <MenuItem value="">{words.none}</MenuItem>
          {models
            .filter(({ key }) => key !== model)
            .map(({ key, displayName }) => (
              <MenuItem key={key} value={key}>
                {displayName || key}
              </MenuItem>
            ))}
        </TextField>
      )}
      <TextField {...field("system", words.system, "")} multiline minRows={2} maxRows={8} />
      <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: "1fr", sm: "1fr 1fr" } }}>
        <TextField {...field("temperature", words.temperature, words.between(0, 2))} />
        <TextField {...field("topP", words.topP, words.between(0, 1))} />
        <TextField
          {...field(
            "maxTokens",
            words.maxTokens,
            bounds.maxTokens ? words.bound(bounds.maxTokens, bounds.contextTokens) : words.engine,
          )}
        />
        <TextField {...field("seed", words.seed, words.engine)} />
      </Box>
      <TextField
        {...field("stop", words.stop, bounds.maxStop ? words.most(bounds.maxStop) : "")}
        multiline
        maxRows={6}
      />
    </Stack>
  );
}

const INPUT_MODES: Partial<Record<keyof Settings, "decimal" | "numeric">> = {
  temperature: "decimal",
  topP: "decimal",
  maxTokens: "numeric",
};
const VERSUS_SLOTS = {
  inputLabel: { shrink: true },
  select: { displayEmpty: true, SelectDisplayProps: { "data-testid": "chat-setting-versus" } as object },
};
const MODEL_SLOTS = { select: { SelectDisplayProps: { "data-testid": "chat-setting-model" } as object } };
