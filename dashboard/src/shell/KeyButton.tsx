import { mdiKeyAlertOutline, mdiKeyOutline, mdiKeyRemove, mdiShieldKeyOutline } from "@mdi/js";
import { Button } from "@mui/material";
import { useState } from "react";
import { type Access, useAccess } from "./AccessProvider";
import { Icon } from "./kit";
import { DialogFrame, later } from "./later";
import { T } from "./texts";

/** Ses champs sont lourds : l'accueil ne l'attend pas. */
export const keyDialog = later(async () => (await import("./KeyDialog")).KeyDialog);

type State = keyof typeof T.key.state;

const LOOKS: Record<State, { icon: string; color: "inherit" | "warning" | "error" | "success" }> = {
  none: { icon: mdiKeyOutline, color: "inherit" },
  missing: { icon: mdiKeyAlertOutline, color: "warning" },
  given: { icon: mdiKeyOutline, color: "inherit" },
  refused: { icon: mdiKeyRemove, color: "error" },
  accepted: { icon: mdiShieldKeyOutline, color: "success" },
};

/** Où en est la clé, d'un coup d'œil ; ouvre de quoi la donner. */
export function KeyButton({ required }: { required: boolean }) {
  const access = useAccess();
  const [open, setOpen] = useState(false);
  const state = stateOf(access, required);
  const { icon, color } = LOOKS[state];
  const label = T.key.state[state];
  return (
    <>
      <Button
        color={color}
        variant={state === "none" ? "text" : "outlined"}
        size="small"
        aria-label={label}
        aria-haspopup="dialog"
        data-testid="key-open"
        data-state={state}
        onClick={() => setOpen(true)}
        sx={{
          minWidth: 40,
          minHeight: 40,
          px: { xs: 1, sm: 1.5 },
          gap: 1,
          "& span": { display: { xs: "none", sm: "inline" } },
        }}
      >
        <Icon path={icon} fontSize="small" />
        <span>{label}</span>
      </Button>
      {open && (
        <DialogFrame onClose={() => setOpen(false)}>
          <keyDialog.view onClose={() => setOpen(false)} />
        </DialogFrame>
      )}
    </>
  );
}

function stateOf({ key, verdict }: Access, required: boolean): State {
  if (!key) return required ? "missing" : "none";
  if (verdict.state === "refused") return "refused";
  return verdict.state === "accepted" && required ? "accepted" : "given";
}
