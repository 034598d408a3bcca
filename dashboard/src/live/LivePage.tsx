import { Alert, Box, Stack } from "@mui/material";
import { useEffect } from "react";
import { useDrop } from "../shell/useDrop";
import { useKept } from "./session/LiveProvider";
import { T } from "./texts";
import { useStudio } from "./useStudio";
import { ControlCard } from "./view/ControlCard";
import { LiveBadge } from "./view/LiveBadge";
import { RequestCard } from "./view/RequestCard";
import { TranscriptCard } from "./view/TranscriptCard";

/** Essayer la transcription en direct : un microphone, le texte à mesure, ce qu'on en emporte, et la requête. */
export function LivePage() {
  const studio = useStudio();
  const { remind } = useKept();
  // Venu avec la page, le bandeau ne peut pas manquer quand on la quitte, fût-ce après une mise à jour du serveur.
  useEffect(() => remind(<LiveBadge />), [remind]);
  // Un fichier lâché ici n'ouvre rien : il prendrait la place de la page, et du flux.
  useDrop();
  if (!studio.ready) return null;
  if (!studio.model) return <Alert severity="info">{T.noModel}</Alert>;
  return (
    <Box
      data-testid="live-page"
      sx={{
        display: "grid",
        gap: 3,
        alignItems: "start",
        gridTemplateColumns: { xs: "minmax(0, 1fr)", lg: "minmax(0, 5fr) minmax(0, 8fr)" },
      }}
    >
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        {studio.failure && <Alert severity="error">{studio.failure}</Alert>}
        <ControlCard studio={studio} />
      </Stack>
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        <TranscriptCard studio={studio} />
        <RequestCard studio={studio} />
      </Stack>
    </Box>
  );
}
