import { Paper, Stack, Typography } from "@mui/material";
import { type ReactNode, useId } from "react";

interface Props {
  /** Où l'on peut être mené. */
  id?: string;
  title: string;
  side?: ReactNode;
  children: ReactNode;
}

/** Une carte de la page, avec son titre. */
export function Section({ id, title, side, children }: Props) {
  const heading = useId();
  return (
    <Paper
      id={id}
      variant="outlined"
      component="section"
      aria-labelledby={heading}
      // L'en-tête reste à l'écran : on n'arrive pas dessous.
      sx={{ p: { xs: 2, sm: 3 }, minWidth: 0, scrollMarginTop: 96 }}
    >
      <Stack spacing={2}>
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", justifyContent: "space-between" }}>
          <Typography id={heading} variant="h2">
            {title}
          </Typography>
          {side}
        </Stack>
        {children}
      </Stack>
    </Paper>
  );
}
