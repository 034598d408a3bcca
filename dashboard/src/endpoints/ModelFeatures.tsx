import { Box, Chip, Paper, Stack, Typography } from "@mui/material";
import { CAPABILITIES } from "../fr";
import type { ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { CopyButton } from "../snippets/CopyButton";
import { FEATURES, T } from "./texts";

const NUMBER = new Intl.NumberFormat("fr-FR");
const LANGUAGE = new Intl.DisplayNames("fr", { type: "language" });

/** Ce que chaque modèle accepte : noms, langues, options. */
export function ModelFeatures({ models }: { models: ModelCapabilities[] }) {
  return (
    <Box component="section" aria-labelledby="features-title">
      <Typography id="features-title" variant="h2" sx={{ mb: 1.5 }}>
        {T.models}
      </Typography>
      <Box
        sx={{
          display: "grid",
          gap: 2,
          gridTemplateColumns: {
            xs: "minmax(0, 1fr)",
            md: "repeat(2, minmax(0, 1fr))",
            xl: "repeat(3, minmax(0, 1fr))",
          },
        }}
      >
        {models.map((model) => (
          <Paper key={model.key} variant="outlined" sx={{ p: 2 }} data-testid={`features-${model.key}`}>
            <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
              <Typography variant="h3">{model.key}</Typography>
              <CopyButton compact text={model.key} label={T.copyName(model.key)} />
              <Typography variant="body2" color="textSecondary">
                {CAPABILITIES[model.capability]}
              </Typography>
            </Stack>
            <Facts model={model} />
            <Stack direction="row" spacing={0.5} useFlexGap sx={{ flexWrap: "wrap", mt: 1.5 }}>
              {model.features.map((feature) => (
                <Chip key={feature} size="small" variant="outlined" label={FEATURES[feature] ?? feature} />
              ))}
            </Stack>
          </Paper>
        ))}
      </Box>
    </Box>
  );
}

function Facts({ model }: { model: ModelCapabilities }) {
  const facts = [
    [T.aliases, model.aliases.join(", ")],
    [T.languages, model.languages.map(languageOf).join(", ") || T.unknownLanguages],
    [T.context, model.contextTokens ? T.tokens(NUMBER.format(model.contextTokens)) : ""],
  ].filter(([, value]) => value);
  return (
    <Box
      component="dl"
      sx={{ display: "grid", gridTemplateColumns: "auto minmax(0, 1fr)", columnGap: 2, rowGap: 0.25, m: 0, mt: 1 }}
    >
      {facts.map(([name, value]) => (
        <Box key={name} sx={{ display: "contents" }}>
          <Typography component="dt" variant="body2" color="textSecondary">
            {name}
          </Typography>
          <Typography component="dd" variant="body2" sx={{ m: 0, overflowWrap: "anywhere" }}>
            {value}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

function languageOf(code: string): string {
  try {
    return `${LANGUAGE.of(code)} (${code})`;
  } catch {
    return code;
  }
}
