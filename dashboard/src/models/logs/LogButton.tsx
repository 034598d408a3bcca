import { mdiTextBoxOutline } from "@mdi/js";
import { IconButton } from "@mui/material";
import { useState } from "react";
import type { Model } from "../../gen/passerelle/v1/model_pb";
import { DialogFrame } from "../../shell/DialogFrame";
import { Icon } from "../../shell/Icon";
import { later } from "../../shell/later";
import { T } from "../texts";

/** Rare : l'accueil ne l'attend pas. */
export const logDialog = later(async () => (await import("./LogDialog")).LogDialog);

/** Ouvre le journal d'un modèle. */
export function LogButton({ model }: { model: Model }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <IconButton
        // Une infobulle de la page resterait par-dessus la boîte de dialogue, et prendrait ses clics.
        title={T.actions.logs}
        size="small"
        aria-label={`${T.actions.logs} ${model.displayName || model.key}`}
        data-testid={`action-logs-${model.key}`}
        onClick={() => setOpen(true)}
        sx={{ color: "text.secondary", m: -0.5 }}
      >
        <Icon path={mdiTextBoxOutline} fontSize="small" />
      </IconButton>
      {open && (
        <DialogFrame onClose={() => setOpen(false)}>
          <logDialog.view model={model} onClose={() => setOpen(false)} />
        </DialogFrame>
      )}
    </>
  );
}
