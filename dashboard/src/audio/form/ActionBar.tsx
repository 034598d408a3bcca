import { Box, Stack } from "@mui/material";
import type { ReactNode } from "react";

/** Hauteur de la barre de menu d'un téléphone, en pixels. */
const MENU_PX = 57;

/** Ce que l'on lance et ce qui en advient, côte à côte ; reste au bas de l'écran tant que sa carte s'y voit. */
export function ActionBar({ children }: { children: ReactNode }) {
  return (
    <Box
      data-testid="action-bar"
      sx={{
        position: "sticky",
        bottom: { xs: MENU_PX, md: 0 },
        zIndex: 1,
        mx: { xs: -2, sm: -3 },
        px: { xs: 2, sm: 3 },
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
