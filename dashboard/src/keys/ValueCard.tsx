import { Alert, AlertTitle, Box, Button, Stack } from "@mui/material";
import { useRef } from "react";
import { MONOSPACE } from "../shell/kit";
import { CopyButton } from "../snippets/CopyButton";
import { T } from "./texts";

export interface Told {
  id: string;
  value: string;
}

/** La valeur d'une clé, montrée une fois : rien ne la garde, ni la page, ni le serveur. */
export function ValueCard({ told, onDone }: { told: Told; onDone: () => void }) {
  const shown = useRef<HTMLElement>(null);
  return (
    <Alert severity="success" variant="outlined" sx={{ bgcolor: "background.paper" }} data-testid="key-value-card">
      <AlertTitle>{T.value.title(told.id)}</AlertTitle>
      <Stack spacing={1}>
        <span>{T.value.once}</span>
        <Box
          component="code"
          ref={shown}
          sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere" }}
          data-testid="key-value"
        >
          {told.value}
        </Box>
        <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }}>
          <CopyButton text={told.value} label={T.value.copy} shown={shown} testId="key-copy" />
          <Button size="small" onClick={onDone} data-testid="key-done">
            {T.value.done}
          </Button>
        </Stack>
      </Stack>
    </Alert>
  );
}
