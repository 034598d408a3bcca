import { Box, Typography } from "@mui/material";
import { T } from "../fr";
import type { End, Turn } from "./turns";

const ENDS: Partial<Record<End, string>> = {
  truncated: T.truncated,
  stopped: T.stopped,
  failed: T.interrupted,
};

interface Props {
  author: string;
  text: string;
  testId: string;
  lang: string | undefined;
  mine?: boolean;
  /** Tour dont ce texte est la réponse. */
  turn?: Turn;
}

/** Un message, son auteur, et comment il a fini. */
export function Bubble({ author, text, testId, lang, mine = false, turn }: Props) {
  const end = turn?.end && ENDS[turn.end];
  const foot = [end, turn?.tokens && T.tokens(turn.tokens)].filter(Boolean).join(" · ");
  return (
    <Box sx={{ alignSelf: mine ? "flex-end" : "flex-start", maxWidth: "min(85%, 70ch)" }}>
      <Typography variant="caption" color="textSecondary" sx={{ px: 1.5 }}>
        {author}
      </Typography>
      <Box
        sx={{
          px: 2,
          py: 1,
          borderRadius: 3,
          bgcolor: mine ? "primary.main" : "action.hover",
          color: mine ? "primary.contrastText" : "text.primary",
        }}
      >
        <Box
          component="span"
          lang={lang}
          data-testid={testId}
          sx={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
        >
          {text}
        </Box>
        {turn && !turn.end && !text && (
          <Typography component="span" color="textSecondary">
            {T.waiting}
          </Typography>
        )}
      </Box>
      {foot && (
        <Typography variant="caption" color="textSecondary" data-testid="chat-end" sx={{ px: 1.5 }}>
          {foot}
        </Typography>
      )}
    </Box>
  );
}
