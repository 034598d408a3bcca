import { Box } from "@mui/material";
import type { ReactNode } from "react";

/** Région polie, invisible : ce qu'un lecteur d'écran doit dire quand cela change. */
export function Spoken({ children }: { children: ReactNode }) {
  return (
    <Box
      component="span"
      role="status"
      sx={{ position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" }}
    >
      {children}
    </Box>
  );
}
