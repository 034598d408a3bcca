import { mdiDownload, mdiTuneVariant } from "@mdi/js";
import { Box, Button, Stack, Typography } from "@mui/material";
import { Icon } from "../shell/Icon";
import { T } from "./texts";

interface Props {
  name: string;
  started: boolean;
  streaming: boolean;
  /** Vrai si les réglages sont ouverts ; absent s'ils sont toujours à côté. */
  adjusting: boolean | undefined;
  onExport: () => void;
  onRestart: () => void;
  onAdjust: () => void;
}

/** Titre de la conversation, et ce qu'on peut faire d'elle. */
export function Bar({ name, started, streaming, adjusting, onExport, onRestart, onAdjust }: Props) {
  return (
    <Stack
      direction="row"
      spacing={1}
      useFlexGap
      sx={{ px: { xs: 2, sm: 3 }, pt: 2, pb: 1, flexWrap: "wrap", alignItems: "center", minHeight: 56 }}
    >
      <Box sx={{ flexGrow: 1, minWidth: 0 }}>
        <Typography id={TITLE_ID} variant="h2">
          {T.title}
        </Typography>
        <Typography variant="caption" color="textSecondary">
          {name}
        </Typography>
      </Box>
      {started && (
        <Button
          size="small"
          startIcon={<Icon path={mdiDownload} />}
          title={T.exportHelp}
          disabled={streaming}
          data-testid="chat-export"
          onClick={onExport}
        >
          {T.exportJson}
        </Button>
      )}
      {started && (
        <Button size="small" onClick={onRestart} disabled={streaming} data-testid="chat-new">
          {T.restart}
        </Button>
      )}
      {adjusting !== undefined && (
        <Button
          size="small"
          startIcon={<Icon path={mdiTuneVariant} />}
          aria-expanded={adjusting}
          data-testid="chat-adjust"
          onClick={onAdjust}
        >
          {T.settings.title}
        </Button>
      )}
    </Stack>
  );
}

export const TITLE_ID = "chat-title";
