import { type ButtonProps, Dialog, DialogActions, DialogContent, DialogTitle, Typography } from "@mui/material";
import { type ComponentProps, type ReactNode, useId } from "react";
import { Act } from "../shell/kit";
import type { Requests } from "./model";
import { T } from "./texts";

interface Choice {
  label: string;
  testId: string;
  color?: ButtonProps["color"];
  onChoose: () => void;
}

interface Props {
  open: boolean;
  title: string;
  children: ReactNode;
  /** Libellé du bouton qui ne fait rien, choisi d'avance. */
  keep: string;
  choices: Choice[];
  onClose: () => void;
}

/** Demande confirmation d'un geste qui interrompt quelqu'un. */
export function ConfirmDialog({ open, title, children, keep, choices, onClose }: Props) {
  const id = useId();
  return (
    <Dialog open={open} onClose={onClose} aria-labelledby={id} maxWidth={false} slotProps={PAPER} data-testid="confirm">
      <DialogTitle id={id}>{title}</DialogTitle>
      <DialogContent>{children}</DialogContent>
      <DialogActions sx={ACTIONS}>
        <Act label={keep} size="medium" onClick={onClose} autoFocus testId="confirm-keep" />
        {choices.map(({ label, testId, color, onChoose }) => (
          <Act
            label={label}
            size="medium"
            key={testId}
            variant="contained"
            color={color ?? "primary"}
            testId={testId}
            onClick={() => {
              onClose();
              onChoose();
            }}
          />
        ))}
      </DialogActions>
    </Dialog>
  );
}

// Trois choix tiennent sur une ligne ; sur un téléphone, chacun prend la sienne, en entier.
const PAPER = { paper: { sx: { maxWidth: "min(640px, calc(100% - 64px))" } } };
const ACTIONS = {
  px: 3,
  pb: 2,
  gap: 1,
  flexDirection: { xs: "column", sm: "row" },
  flexWrap: { sm: "wrap" },
  alignItems: { xs: "stretch", sm: "center" },
  "& > :not(style) ~ :not(style)": { ml: 0 },
} as const;

interface InterruptDialogProps extends Omit<ComponentProps<typeof ConfirmDialog>, "children" | "keep"> {
  counts: Pick<Requests, "running" | "waiting">;
  /** Ce que deviennent les requêtes. */
  help: string;
}

/** Demande que faire des requêtes d'un modèle ; leur nombre suit l'état, jusqu'à ce qu'il n'y en ait plus. */
export function InterruptDialog({ counts: { running, waiting }, help, ...dialog }: InterruptDialogProps) {
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
