import { Button, type ButtonProps, Dialog, DialogActions, DialogContent, DialogTitle } from "@mui/material";
import { type ReactNode, useId } from "react";

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
        <Button onClick={onClose} autoFocus data-testid="confirm-keep">
          {keep}
        </Button>
        {choices.map(({ label, testId, color, onChoose }) => (
          <Button
            key={testId}
            variant="contained"
            color={color ?? "primary"}
            data-testid={testId}
            onClick={() => {
              onClose();
              onChoose();
            }}
          >
            {label}
          </Button>
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
