import { mdiAccountVoice, mdiChatOutline, mdiCubeOutline, mdiMicrophoneOutline } from "@mdi/js";
import { Box } from "@mui/material";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";

const SHAPES: Record<Capability, string> = {
  [Capability.UNSPECIFIED]: mdiCubeOutline,
  [Capability.CHAT]: mdiChatOutline,
  [Capability.TRANSCRIBE]: mdiMicrophoneOutline,
  [Capability.DIARIZE]: mdiAccountVoice,
};

/** Dessin de ce que fait un modèle ; son nom est écrit à côté. */
export function CapabilityIcon({ capability }: { capability: Capability }) {
  return (
    <Box
      sx={{
        display: "grid",
        placeItems: "center",
        flexShrink: 0,
        width: 40,
        height: 40,
        borderRadius: 1,
        color: "primary.main",
        bgcolor: "color-mix(in srgb, currentColor 12%, transparent)",
      }}
    >
      <Icon path={SHAPES[capability]} />
    </Box>
  );
}
