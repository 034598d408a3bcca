import { Stack, ToggleButton, ToggleButtonGroup, Typography } from "@mui/material";
import { useState } from "react";
import { Snippets, type SnippetTexts } from "./Snippets";
import { T } from "./texts";

interface Props {
  /** Requête de ce que la page montre ; absente si rien n'est encore parti. */
  sent: SnippetTexts | undefined;
  /** Celle que les réglages d'à présent feraient partir. */
  next: SnippetTexts | undefined;
  /** Ce qu'il faut savoir des extraits. */
  help: string;
  testId: string;
}

/** La requête partie, jamais une autre sous son résultat ; la prochaine se regarde à part si les réglages ont changé. */
export function RequestSnippets({ sent, next, help, testId }: Props) {
  const written = JSON.stringify(sent);
  // La requête partie dont on regarde la suite : une autre, une fois partie, se montre d'abord elle-même.
  const [after, setAfter] = useState<string>();
  const changed = sent && next && written !== JSON.stringify(next);
  const which = !sent || (changed && after === written) ? "next" : "sent";
  const shown = which === "next" ? next : sent;
  if (!shown) return null;
  return (
    <Stack spacing={1.5}>
      {changed && (
        <ToggleButtonGroup
          exclusive
          fullWidth
          size="small"
          color="primary"
          value={which}
          aria-label={T.which}
          sx={{ maxWidth: 400, "& button": { px: 0.5 } }}
          onChange={(_event, value) => value && setAfter(value === "next" ? written : undefined)}
        >
          <ToggleButton value="sent" data-testid={`${testId}-sent`}>
            {T.sent}
          </ToggleButton>
          <ToggleButton value="next" data-testid={`${testId}-next`}>
            {T.next}
          </ToggleButton>
        </ToggleButtonGroup>
      )}
      <Typography variant="body2" color="textSecondary" data-testid={`${testId}-help`}>
        {!changed && (which === "next" ? T.nextHelp : T.sentHelp)} {help}
      </Typography>
      <Snippets snippets={shown} testId={testId} />
    </Stack>
  );
}
