import { mdiCodeBraces, mdiPencilOutline, mdiRefresh } from "@mdi/js";
import { Box, Stack, Typography } from "@mui/material";
import { memo, type ReactNode, useDeferredValue, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { OperationProgressBar } from "../models/progress/OperationPanel";
import { Act, Hint, Told } from "../shell/kit";
import { CopyButton } from "../snippets/CopyButton";
import { Snippets } from "../snippets/Snippets";
import { thisServer } from "../snippets/sketch";
import { useKeyed, useServer } from "../status/StatusProvider";
import { type Ask, imagesOf, snippetsOf } from "./ask";
import { Picture } from "./Composer";
import { formatted } from "./formatted";
import { T } from "./texts";
import { summary, type Turn, unfold } from "./turns";

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
      <Hint sx={{ px: 1.5 }}>{name}</Hint>
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
        <Told
          severity={turn.unloaded ? "info" : "error"}
          testId="chat-failure"
          sx={{ mt: turn.answer ? 1 : 0 }}
          text={turn.failure}
        />
      </Box>
      {turn.end && (
        <Hint data-testid="chat-end" sx={{ px: 1.5 }}>
          {summary(turn).join(" · ")}
        </Hint>
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
  return <Act label={label} icon={icon} color="inherit" title={help} testId={testId} onClick={onClick} />;
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

/** Avant le premier mot : ce que fait le serveur, tel qu'il le dit. */
export function Waiting({ model: key }: { model: string }) {
  const model = useServer().status?.models.find((one) => one.key === key || one.aliases.includes(key));
  const loading = model !== undefined && model.state !== ModelState.READY;
  return (
    <Stack spacing={1} data-testid="chat-waiting" sx={{ minWidth: { xs: 0, sm: 320 } }}>
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center" }}>
        <Dots />
        <Typography color="textSecondary">{loading ? T.loading : T.waiting}</Typography>
      </Stack>
      {loading && model.operation && <OperationProgressBar operation={model.operation} />}
    </Stack>
  );
}

function Dots() {
  return (
    <Box aria-hidden sx={{ display: "flex", gap: 0.5 }}>
      {[0, 0.2, 0.4].map((delay) => (
        <Box
          key={delay}
          sx={{
            width: 6,
            height: 6,
            borderRadius: "50%",
            bgcolor: "text.secondary",
            "@keyframes pulse": { "0%, 100%": { opacity: 0.25 }, "40%": { opacity: 1 } },
            animation: `pulse 1.2s ${delay}s infinite`,
            "@media (prefers-reduced-motion: reduce)": { animation: "none" },
          }}
        />
      ))}
    </Box>
  );
}

/** Ce que la question en cours couvre du bas de l'écran. */
const COMPOSER_PX = 128;

/** « La requête » : ce que la page a envoyé, dans d'autres langages ; `children` sont les autres actions de la ligne. */
export function RequestPanel({ ask, children }: { ask: Ask; children: ReactNode }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const panel = useRef<HTMLDivElement>(null);
  // Avant l'affichage : ouverte sous la question en cours, elle ne se verrait pas.
  useLayoutEffect(() => {
    if (open) panel.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <Box sx={{ minWidth: 0 }}>
      <Stack
        direction="row"
        spacing={0.5}
        useFlexGap
        sx={{ flexWrap: "wrap", alignItems: "center", color: "text.secondary", px: 0.5 }}
      >
        {children}
        <Act
          label={T.request}
          icon={mdiCodeBraces}
          color="inherit"
          title={T.requestHelp}
          aria-expanded={open}
          aria-controls={id}
          testId="chat-request"
          onClick={() => setOpen(!open)}
        />
      </Stack>
      {open && (
        <Box ref={panel} id={id} sx={{ mt: 1, scrollMarginBottom: COMPOSER_PX }}>
          <Written ask={ask} />
        </Box>
      )}
    </Box>
  );
}

function Written({ ask }: { ask: Ask }) {
  const keyed = useKeyed();
  const snippets = useMemo(() => snippetsOf(ask, thisServer(keyed)), [ask, keyed]);
  const names = imagesOf(ask.messages).map(({ name }) => name);
  return (
    <Stack spacing={1}>
      <Hint>{[T.requestOf, names.length > 0 && T.requestFiles(names.join(", "))].filter(Boolean).join(" ")}</Hint>
      <Snippets snippets={snippets} />
    </Stack>
  );
}

/** Ce que la personne a demandé. */
export function Question({ turn: { question, images }, lang }: { turn: Turn; lang: string | undefined }) {
  return (
    <Stack spacing={0.5} sx={{ alignSelf: "flex-end", alignItems: "flex-end", maxWidth: "min(85%, 70ch)" }}>
      <Hint sx={{ px: 1.5 }}>{T.you}</Hint>
      {images.length > 0 && (
        <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap", justifyContent: "flex-end" }}>
          {images.map((image) => (
            <Picture key={image.name} image={image} side={96} />
          ))}
        </Stack>
      )}
      {question && (
        <Box
          sx={{
            px: 2,
            py: 1,
            borderRadius: "16px 4px 16px 16px",
            bgcolor: "primary.main",
            color: "primary.contrastText",
            whiteSpace: "pre-wrap",
            overflowWrap: "anywhere",
          }}
          lang={lang}
          data-testid="chat-question"
        >
          {question}
        </Box>
      )}
    </Stack>
  );
}
