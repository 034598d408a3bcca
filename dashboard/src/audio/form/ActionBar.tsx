import { Box, Stack } from "@mui/material";
import type { ReactNode } from "react";

/** Hauteur de la barre de menu d'un téléphone, en pixels. */
const MENU_PX = 48;

interface Props {
  /** Vrai s'il y a quelque chose à suivre : la barre reste alors au bas de l'écran tant que sa carte s'y voit. */
  held: boolean;
  children: ReactNode;
}

/** Ce que l'on lance, et ce qui en advient. */
export function ActionBar({ held, children }: Props) {
  return (
    <Box
      data-testid="action-bar"
      sx={{
        position: held ? "sticky" : "static",
        bottom: { xs: MENU_PX, md: 0 },
        zIndex: 1,
        py: 1.5,
        borderTop: 1,
        borderColor: "divider",
        bgcolor: "background.paper",
      }}
    >
      <Stack spacing={1.5}>{children}</Stack>
    </Box>
  );
}
