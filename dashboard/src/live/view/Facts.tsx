import { Box, Tooltip, Typography } from "@mui/material";
import { languageName } from "../../audio/texts";
import type { State } from "../session/session";
import { T } from "../texts";
import { stopwatch, useElapsed } from "./useElapsed";

/** Durée, latence, langue et modèle du flux ; rien avant lui. */
export function Facts({ state: { transcript, latency } }: { state: State }) {
  const elapsed = useElapsed();
  if (elapsed === undefined) return null;
  const { language, model } = transcript;
  return (
    <Box component="dl" sx={{ display: "flex", flexWrap: "wrap", columnGap: 4, rowGap: 1, m: 0 }}>
      <Fact name={T.facts.elapsed} value={stopwatch(elapsed)} testId="live-elapsed" />
      {latency !== undefined && (
        <Fact
          name={T.facts.latency}
          value={T.latency(latency.toFixed(1).replace(".", ","))}
          help={T.latencyHelp}
          testId="live-latency"
        />
      )}
      {language && <Fact name={T.facts.language} value={languageName(language)} testId="live-language-found" />}
      {model && <Fact name={T.facts.model} value={model} />}
    </Box>
  );
}

function Fact({ name, value, help, testId }: { name: string; value: string; help?: string; testId?: string }) {
  return (
    <div>
      <Tooltip title={help ?? ""}>
        <Typography component="dt" variant="caption" color="textSecondary">
          {name}
        </Typography>
      </Tooltip>
      <Typography
        component="dd"
        data-testid={testId}
        sx={{ m: 0, fontWeight: 600, fontVariantNumeric: "tabular-nums" }}
      >
        {value}
      </Typography>
    </div>
  );
}
