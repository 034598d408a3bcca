import { Alert, Box, Chip, Collapse, Paper, Stack, Typography, useMediaQuery } from "@mui/material";
import { useEffect, useState } from "react";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { Hint } from "../shell/kit";
import { save } from "../shell/save";
import { useAsked } from "../shell/useAsked";
import { useDrop } from "../shell/useDrop";
import { useServer } from "../status/StatusProvider";
import { Bar, TITLE_ID } from "./Bar";
import { Composer } from "./Composer";
import { Log } from "./Log";
import { type Found, useModel, useQuestion } from "./question";
import { SettingsPanel } from "./SettingsPanel";
import { choose, keeping, useTalk } from "./talk";
import { T } from "./texts";
import { exportOf } from "./turns";

/** Conversation : les échanges, la question en cours, les réglages. */
export function Chat(found: Found) {
  const { models, model, chosen, seesImages } = found;
  const { rows, streaming } = useTalk();
  const question = useQuestion(found);
  const [adjusting, setAdjusting] = useState(false);
  const over = useDrop((files) => void question.attach(files));
  const wide = useMediaQuery("(min-width: 1200px)");
  const english = model.languages.length === 1 && model.languages[0] === "en";
  const names = new Map(models.map(({ key, displayName }) => [key, displayName || key]));
  const nameOf = (key: string) => names.get(key) ?? key;
  const settings = <SettingsPanel found={found} settings={question.settings} problems={question.problems} />;

  return (
    <Stack direction="row" spacing={3} sx={{ alignItems: "flex-start", flexGrow: 1, minWidth: 0 }}>
      <Paper
        variant="outlined"
        component="section"
        aria-labelledby={TITLE_ID}
        sx={{
          flexGrow: 1,
          minWidth: 0,
          alignSelf: "stretch",
          display: "flex",
          flexDirection: "column",
          ...(over && OVER),
        }}
      >
        <Bar
          name={chosen.map(({ key }) => nameOf(key)).join(" · ")}
          started={rows.length > 0}
          streaming={streaming}
          onExport={(form) => save(...exportOf(form, rows, new Date(), nameOf))}
          onRestart={question.restart}
          adjusting={wide ? undefined : adjusting}
          onAdjust={() => setAdjusting(!adjusting)}
        />
        {!wide && (
          <Collapse in={adjusting} unmountOnExit>
            <Box sx={{ px: { xs: 2, sm: 3 }, py: 2 }}>{settings}</Box>
          </Collapse>
        )}
        <Stack sx={{ px: { xs: 2, sm: 3 }, py: 1, flexGrow: 1, minHeight: 160 }}>
          {rows.length > 0 ? (
            <Log
              rows={rows}
              name={nameOf}
              lang={english ? "en" : undefined}
              streaming={streaming}
              onAgain={question.again}
              onEdit={question.edit}
            />
          ) : (
            <Suggestions
              state={model.state}
              english={english}
              disabled={question.blocked}
              onChoose={(text) => question.ask(text)}
            />
          )}
        </Stack>
        <Box sx={FOOT}>
          <Composer question={question} english={english} seesImages={seesImages} />
        </Box>
      </Paper>
      {wide && (
        <Paper variant="outlined" sx={{ width: 340, flexShrink: 0, p: 3, position: "sticky", top: 96 }}>
          {settings}
        </Paper>
      )}
    </Stack>
  );
}

const OVER = { outline: 2, outlineColor: "primary.main", outlineStyle: "dashed" } as const;
// La question reste sous les yeux, au-dessus du menu d'un téléphone, qui la recouvre d'un rien : aucun jour entre eux.
const FOOT = {
  position: "sticky",
  bottom: { xs: 44, md: 0 },
  zIndex: 1,
  px: { xs: 2, sm: 3 },
  py: 2,
  bgcolor: "background.paper",
  borderTop: 1,
  borderColor: "divider",
  borderRadius: "0 0 12px 12px",
} as const;

/** Essayer la conversation. */
export function ChatPage() {
  const { status } = useServer();
  const { settings } = useTalk();
  const asked = useAsked();
  useEffect(() => {
    if (asked) choose(asked);
  }, [asked]);
  const found = useModel({ model: settings?.model || asked, versus: settings?.versus ?? "" });
  if (found.model) return <Chat {...found} model={found.model} />;
  // Sans état du serveur, l'avis de connexion dit déjà tout.
  return status ? <Alert severity="info">{T.noModel}</Alert> : null;
}

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
      <Hint>{keeping() ? T.kept : T.notKept}</Hint>
    </Stack>
  );
}
