import { Box, MenuItem, Stack, TextField, Typography } from "@mui/material";
import { Act, Field } from "../shell/kit";
import type { Found, Problems, Settings } from "./question";
import { setSettings } from "./talk";
import { T } from "./texts";

/** Réglages de la prochaine requête ; chacun dit sa limite, et ce qui ne va pas. */
export function SettingsPanel({ found, settings, problems }: { found: Found; settings: Settings; problems: Problems }) {
  const { models, model, chosen, bounds } = found;
  const { settings: words } = T;
  const field = (name: keyof Settings, help = "", inputMode?: "decimal" | "numeric") => ({
    label: words[name],
    fullWidth: true,
    value: settings[name],
    fault: problems[name],
    help,
    onText: (text: string) => setSettings({ ...settings, [name]: text }),
    html: { inputMode },
    testId: `chat-setting-${name}`,
  });
  const choice = (name: "model" | "versus", value: string, offered: typeof models) => (
    <TextField
      select
      size="small"
      label={words[name]}
      fullWidth
      value={value}
      onChange={({ target }) => setSettings({ ...settings, [name]: target.value })}
      slotProps={{
        inputLabel: { shrink: true },
        select: { displayEmpty: true, SelectDisplayProps: { "data-testid": `chat-setting-${name}` } as object },
      }}
    >
      {name === "versus" && <MenuItem value="">{words.none}</MenuItem>}
      {offered.map(({ key, displayName }) => (
        <MenuItem key={key} value={key}>
          {displayName || key}
        </MenuItem>
      ))}
    </TextField>
  );
  const { maxTokens, maxStop, contextTokens } = bounds;
  return (
    <Stack spacing={2} component="section" aria-label={words.title} data-testid="chat-settings">
      <Stack direction="row" sx={{ justifyContent: "space-between", alignItems: "center" }}>
        <Typography variant="h3">{words.title}</Typography>
        <Act label={words.reset} onClick={() => setSettings(undefined)} testId="chat-settings-reset" />
      </Stack>
      {models.length > 1 && choice("model", model.key, models)}
      {models.length > 1 &&
        choice(
          "versus",
          chosen[1]?.key ?? "",
          models.filter((one) => one !== model),
        )}
      <Field {...field("system")} multiline minRows={2} maxRows={8} />
      <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: "1fr", sm: "1fr 1fr" } }}>
        <Field {...field("temperature", words.between(0, 2), "decimal")} />
        <Field {...field("topP", words.between(0, 1), "decimal")} />
        <Field {...field("maxTokens", maxTokens ? words.bound(maxTokens, contextTokens) : words.engine, "numeric")} />
        <Field {...field("seed", words.engine)} />
      </Box>
      <Field {...field("stop", maxStop ? words.most(maxStop) : "")} multiline maxRows={6} />
    </Stack>
  );
}
