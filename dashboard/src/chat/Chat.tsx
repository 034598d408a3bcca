import { Box, Collapse, Paper, Stack, useMediaQuery } from "@mui/material";
import { useState } from "react";
import type { Limits } from "../gen/passerelle/v1/limits_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { save } from "../shell/save";
import { useDrop } from "../shell/useDrop";
import { Bar, TITLE_ID } from "./Bar";
import { useChat } from "./ChatProvider";
import { Composer } from "./Composer";
import { exported } from "./exported";
import { Log } from "./Log";
import { SettingsPanel } from "./SettingsPanel";
import { Suggestions } from "./Suggestions";
import type { Bounds } from "./settings";
import { T } from "./texts";
import { useQuestion } from "./useQuestion";

interface Props {
  models: Model[];
  model: Model;
  limits: Limits | undefined;
  bounds: Bounds;
  seesImages: boolean;
}

/** Conversation : les échanges, la question en cours, les réglages. */
export function Chat({ models, model, limits, bounds, seesImages }: Props) {
  const kept = useChat();
  const question = useQuestion({ model: model.key, limits, bounds, seesImages });
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
      onChange={kept.setSettings}
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
          name={names.get(model.key) ?? model.key}
          started={kept.turns.length > 0}
          streaming={kept.streaming}
          onExport={() => save(T.exportName, "application/json", exported(kept.turns, new Date()))}
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
          {kept.turns.length > 0 ? (
            <Log
              turns={kept.turns}
              name={(key) => names.get(key) ?? key}
              lang={english ? "en" : undefined}
              streaming={kept.streaming}
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
            draft={kept.draft}
            english={english}
            seesImages={seesImages}
            streaming={kept.streaming}
            trouble={question.trouble}
            blocked={question.blocked}
            onChange={question.write}
            onAttach={(files) => void question.attach(files)}
            onSend={question.send}
            onStop={kept.stop}
            onCancel={kept.clearDraft}
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
// La question reste sous les yeux, au-dessus du menu d'un téléphone.
const FOOT = {
  position: "sticky",
  bottom: { xs: 60, md: 0 },
  zIndex: 1,
  px: { xs: 2, sm: 3 },
  py: 2,
  bgcolor: "background.paper",
  borderTop: 1,
  borderColor: "divider",
  borderRadius: "0 0 12px 12px",
} as const;
