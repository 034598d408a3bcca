import { mdiPencilOutline, mdiRefresh } from "@mdi/js";
import { Alert, Box, Button, Stack, Typography } from "@mui/material";
import { memo, useDeferredValue, useRef } from "react";
import { Icon } from "../shell/Icon";
import { CopyButton } from "../snippets/CopyButton";
import { formatted } from "./formatted";
import { RequestPanel } from "./RequestPanel";
import { T } from "./texts";
import { summary, type Turn, unfold } from "./turns";
import { Waiting } from "./Waiting";

interface Props {
  turn: Turn;
  name: string;
  lang: string | undefined;
  /** Refaire ou modifier : seulement pour la dernière, quand rien n'est en cours. */
  onAgain?: (() => void) | undefined;
  onEdit?: (() => void) | undefined;
}

/** Une réponse : son texte, ce qu'elle a coûté, et la requête dont elle vient. */
export const Answer = memo(function Answer({ turn, name, lang, onAgain, onEdit }: Props) {
  const shown = useRef<HTMLDivElement>(null);
  // Un long texte se met en forme quand le navigateur en a le temps : la saisie passe devant.
  const { answer, thought, thinking } = unfold(useDeferredValue(turn.answer), turn.end !== undefined);
  const reasoning = [turn.reasoning, thought].filter(Boolean).join("\n\n");
  return (
    <Stack spacing={0.5} sx={{ minWidth: 0 }}>
      <Typography variant="caption" color="textSecondary" sx={{ px: 1.5 }}>
        {name}
      </Typography>
      <Box
        sx={{
          px: 2,
          py: 1.25,
          borderRadius: "4px 16px 16px 16px",
          bgcolor: "action.hover",
          maxWidth: "min(100%, 80ch)",
          minWidth: 0,
          alignSelf: "flex-start",
          // Une formule peut dessiner loin d'elle : jamais hors de sa réponse.
          contain: "paint",
        }}
      >
        {reasoning && <Reasoning text={reasoning} busy={!turn.end && (thinking || !answer)} />}
        <Box ref={shown} lang={lang} data-testid="chat-answer" sx={{ overflowWrap: "anywhere" }}>
          {answer && <formatted.view text={answer} done={turn.end !== undefined} />}
        </Box>
        {!turn.end && !turn.answer && !turn.reasoning && <Waiting model={turn.ask.model} />}
        {turn.failure && (
          <Alert
            severity={turn.unloaded ? "info" : "error"}
            data-testid="chat-failure"
            sx={{ mt: turn.answer ? 1 : 0 }}
          >
            {turn.failure}
          </Alert>
        )}
      </Box>
      {turn.end && (
        <Typography
          variant="caption"
          color="textSecondary"
          data-testid="chat-end"
          sx={{ px: 1.5, fontVariantNumeric: "tabular-nums" }}
        >
          {summary(turn).join(" · ")}
        </Typography>
      )}
      {turn.end && (
        <RequestPanel ask={turn.ask}>
          {answer && <CopyButton compact text={answer} label={T.copyAnswer} shown={shown} testId="chat-copy" />}
          {onAgain && (
            <Action label={T.again} help={T.againHelp} icon={mdiRefresh} testId="chat-again" onClick={onAgain} />
          )}
          {onEdit && (
            <Action label={T.edit} help={T.editHelp} icon={mdiPencilOutline} testId="chat-edit" onClick={onEdit} />
          )}
        </RequestPanel>
      )}
    </Stack>
  );
});

interface ActionProps {
  label: string;
  help: string;
  icon: string;
  testId: string;
  onClick: () => void;
}

function Action({ label, help, icon, testId, onClick }: ActionProps) {
  return (
    <Button
      size="small"
      color="inherit"
      startIcon={<Icon path={icon} />}
      title={help}
      data-testid={testId}
      onClick={onClick}
    >
      {label}
    </Button>
  );
}

function Reasoning({ text, busy }: { text: string; busy: boolean }) {
  return (
    <Box component="details" sx={{ mb: 1, color: "text.secondary" }} data-testid="chat-reasoning">
      <Box component="summary" sx={{ cursor: "pointer" }}>
        {busy ? T.reasoningNow : T.reasoning}
      </Box>
      <Box
        sx={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", pl: 2, borderLeft: 2, borderColor: "divider", mt: 1 }}
      >
        {text}
      </Box>
    </Box>
  );
}
