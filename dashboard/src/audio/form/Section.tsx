import { Paper, Stack, Typography } from "@mui/material";
import { type ReactNode, useId } from "react";

/** Une carte de la page, avec son titre. */
export function Section({ title, side, children }: { title: string; side?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <Paper variant="outlined" component="section" aria-labelledby={id} sx={{ p: { xs: 2, sm: 3 }, minWidth: 0 }}>
      <Stack spacing={2}>
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", justifyContent: "space-between" }}>
          <Typography id={id} variant="h2">
            {title}
          </Typography>
          {side}
        </Stack>
        {children}
      </Stack>
    </Paper>
  );
}
