import { Typography } from "@mui/material";
import type { ComponentProps } from "react";
import { ConfirmDialog } from "./ConfirmDialog";
import type { Requests } from "./requests";
import { T } from "./texts";

interface Props extends Omit<ComponentProps<typeof ConfirmDialog>, "children" | "keep"> {
  counts: Pick<Requests, "running" | "waiting">;
  /** Ce que deviennent les requêtes. */
  help: string;
}

/** Demande que faire des requêtes d'un modèle ; leur nombre suit l'état, jusqu'à ce qu'il n'y en ait plus. */
export function InterruptDialog({ counts: { running, waiting }, help, ...dialog }: Props) {
  const busy = running + waiting > 0;
  return (
    <ConfirmDialog {...dialog} keep={T.interrupt.keep}>
      <Typography sx={{ fontWeight: 600 }} gutterBottom data-testid="confirm-busy">
        {busy ? T.interrupt.busy(running, waiting) : T.interrupt.free}
      </Typography>
      {busy && <Typography color="textSecondary">{help}</Typography>}
    </ConfirmDialog>
  );
}
