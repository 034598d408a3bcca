import { mdiDownload, mdiHistory, mdiMessagePlusOutline, mdiTuneVariant } from "@mdi/js";
import { Box, Button, type ButtonProps, Menu, MenuItem, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { Hint, Icon } from "../shell/kit";
import { DialogFrame, later } from "../shell/later";
import { T } from "./texts";
import { FORMS, type Form } from "./turns";

const keptDialog = later(async () => (await import("./KeptDialog")).KeptDialog);

interface Props {
  name: string;
  started: boolean;
  streaming: boolean;
  /** Vrai si les réglages sont ouverts ; absent s'ils sont toujours à côté. */
  adjusting: boolean | undefined;
  onExport: (form: Form) => void;
  onRestart: () => void;
  onAdjust: () => void;
}

/** Titre de la conversation, et ce qu'on peut faire d'elle. */
export function Bar({ name, started, streaming, adjusting, onExport, onRestart, onAdjust }: Props) {
  const [listed, setListed] = useState(false);
  return (
    <Stack
      direction="row"
      spacing={{ xs: 0.5, sm: 1 }}
      useFlexGap
      sx={{ px: { xs: 2, sm: 3 }, pt: 2, pb: 1, alignItems: "center", minHeight: 56 }}
    >
      <Box sx={{ flexGrow: 1, minWidth: 0 }}>
        <Typography id={TITLE_ID} variant="h2">
          {T.title}
        </Typography>
        <Hint component="p" sx={{ overflowWrap: "anywhere" }}>
          {name}
        </Hint>
      </Box>
      {started && <Export disabled={streaming} onExport={onExport} />}
      <Gesture
        label={T.keptWords.title}
        icon={mdiHistory}
        aria-haspopup="dialog"
        data-testid="chat-kept-list"
        onClick={() => setListed(true)}
      />
      {listed && (
        <DialogFrame onClose={() => setListed(false)}>
          <keptDialog.view onClose={() => setListed(false)} />
        </DialogFrame>
      )}
      {started && (
        <Gesture
          label={T.restart}
          icon={mdiMessagePlusOutline}
          disabled={streaming}
          data-testid="chat-new"
          onClick={onRestart}
        />
      )}
      {adjusting !== undefined && (
        <Gesture
          label={T.settings.title}
          icon={mdiTuneVariant}
          aria-expanded={adjusting}
          data-testid="chat-adjust"
          onClick={onAdjust}
        />
      )}
    </Stack>
  );
}

/** Deux formes : à relire, ou à rejouer. */
function Export({ disabled, onExport }: { disabled: boolean; onExport: (form: Form) => void }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  return (
    <>
      <Gesture
        label={T.export}
        icon={mdiDownload}
        disabled={disabled}
        aria-haspopup="menu"
        data-testid="chat-export"
        onClick={(event) => setAnchor(event.currentTarget)}
      />
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {FORMS.map((form) => (
          <MenuItem
            key={form}
            data-testid={`chat-export-${form}`}
            onClick={() => {
              setAnchor(null);
              onExport(form);
            }}
          >
            {T.exports[form]}
          </MenuItem>
        ))}
      </Menu>
    </>
  );
}

/** Un geste : son icône seule sur un téléphone. */
function Gesture({ label, icon, ...rest }: { label: string; icon: string } & ButtonProps & { "data-testid": string }) {
  return (
    <Button
      {...rest}
      size="small"
      aria-label={label}
      sx={{ flexShrink: 0, minWidth: 40, minHeight: 36, gap: 1, "& span": { display: { xs: "none", sm: "inline" } } }}
    >
      <Icon path={icon} fontSize="small" />
      <span>{label}</span>
    </Button>
  );
}

export const TITLE_ID = "chat-title";
