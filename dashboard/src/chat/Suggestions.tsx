import { Chip, Stack, Typography } from "@mui/material";
import { T } from "../fr";

interface Props {
  ready: boolean;
  english: boolean;
  onChoose: (prompt: string) => void;
}

/** Trois questions toutes faites, dans une langue que le modèle comprend. */
export function Suggestions({ ready, english, onChoose }: Props) {
  const invitation = english ? T.chatReadyEnglish : T.chatReady;
  return (
    <Stack spacing={1.5}>
      <Typography color="textSecondary">{ready ? invitation : `${invitation} ${T.chatNotReady}`}</Typography>
      <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }} lang={english ? "en" : "fr"}>
        {(english ? T.promptsEnglish : T.promptsFrench).map((prompt) => (
          <Chip
            key={prompt}
            label={prompt}
            variant="outlined"
            color="primary"
            data-testid="chat-prompt"
            onClick={() => onChoose(prompt)}
          />
        ))}
      </Stack>
    </Stack>
  );
}
