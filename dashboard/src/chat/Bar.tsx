import { mdiDownload, mdiMessagePlusOutline, mdiTuneVariant } from "@mdi/js";
import { Box, Button, type ButtonProps, Stack, Typography } from "@mui/material";
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
      spacing={{ xs: 0.5, sm: 1 }}
      useFlexGap
      sx={{ px: { xs: 2, sm: 3 }, pt: 2, pb: 1, alignItems: "center", minHeight: 56 }}
    >
      <Box sx={{ flexGrow: 1, minWidth: 0 }}>
        <Typography id={TITLE_ID} variant="h2">
          {T.title}
        </Typography>
        <Typography variant="caption" color="textSecondary" component="p" sx={{ overflowWrap: "anywhere" }}>
          {name}
        </Typography>
      </Box>
      {started && (
        <Gesture
          label={T.exportJson}
          icon={mdiDownload}
          title={T.exportHelp}
          disabled={streaming}
          data-testid="chat-export"
          onClick={onExport}
        />
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
