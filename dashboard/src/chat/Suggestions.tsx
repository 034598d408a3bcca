import { Chip, Stack, Typography } from "@mui/material";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { keeping } from "./kept";
import { T } from "./texts";

interface Props {
  state: ModelState;
  english: boolean;
  disabled: boolean;
  onChoose: (prompt: string) => void;
}

/** Trois questions toutes faites, dans une langue que le modèle comprend. */
export function Suggestions({ state, english, disabled, onChoose }: Props) {
  const caution = { [ModelState.READY]: "", [ModelState.UNAVAILABLE]: T.absent }[state as number] ?? T.notReady;
  return (
    <Stack spacing={2} sx={{ py: { xs: 1, sm: 4 }, my: "auto", alignItems: "center", textAlign: "center" }}>
      <Typography color="textSecondary" sx={{ maxWidth: "60ch", textWrap: "balance" }}>
        {[english ? T.readyEnglish : T.ready, caution].filter(Boolean).join(" ")}
      </Typography>
      <Stack
        direction="row"
        spacing={1}
        useFlexGap
        sx={{ flexWrap: "wrap", justifyContent: "center" }}
        lang={english ? "en" : "fr"}
      >
        {(english ? T.promptsEnglish : T.promptsFrench).map((prompt) => (
          <Chip
            key={prompt}
            label={prompt}
            variant="outlined"
            color="primary"
            disabled={disabled}
            data-testid="chat-prompt"
            onClick={() => onChoose(prompt)}
          />
        ))}
      </Stack>
      <Typography variant="caption" color="textSecondary">
        {keeping() ? T.kept : T.notKept}
      </Typography>
    </Stack>
  );
}
