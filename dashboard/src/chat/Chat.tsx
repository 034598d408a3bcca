import { Box, Collapse, Paper, Stack, useMediaQuery } from "@mui/material";
import { useState } from "react";
import { save } from "../shell/save";
import { useDrop } from "../shell/useDrop";
import { Bar, TITLE_ID } from "./Bar";
import { Composer } from "./Composer";
import { exportOf } from "./exported";
import { Log } from "./Log";
import { type Found, useQuestion } from "./question";
import { SettingsPanel } from "./SettingsPanel";
import { Suggestions } from "./Suggestions";
import { clearDraft, setSettings, stop, useTalk } from "./talk";

/** Conversation : les échanges, la question en cours, les réglages. */
export function Chat(found: Found) {
  const { models, model, chosen, bounds, seesImages } = found;
  const { rows, streaming, draft } = useTalk();
  const question = useQuestion(found);
  const [adjusting, setAdjusting] = useState(false);
  const over = useDrop((files) => void question.attach(files));
  const wide = useMediaQuery("(min-width: 1200px)");
  const english = model.languages.length === 1 && model.languages[0] === "en";
  const names = new Map(models.map(({ key, displayName }) => [key, displayName || key]));
  const settings = (
    <SettingsPanel
      settings={question.settings}
      problems={question.problems}
      bounds={bounds}
      models={models}
      model={model.key}
      versus={chosen[1]?.key ?? ""}
      onChange={setSettings}
    />
  );

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
          name={chosen.map(({ key }) => names.get(key)).join(" · ")}
          started={rows.length > 0}
          streaming={streaming}
          onExport={(form) => save(...exportOf(form, rows, new Date(), (key) => names.get(key) ?? key))}
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
              name={(key) => names.get(key) ?? key}
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
          <Composer
            draft={draft}
            english={english}
            seesImages={seesImages}
            streaming={streaming}
            trouble={question.trouble}
            blocked={question.blocked}
            onChange={question.write}
            onAttach={(files) => void question.attach(files)}
            onSend={question.send}
            onStop={stop}
            onCancel={clearDraft}
          />
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
