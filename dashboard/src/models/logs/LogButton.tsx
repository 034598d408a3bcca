import { mdiTextBoxOutline } from "@mdi/js";
import { useState } from "react";
import type { Model } from "../../gen/passerelle/v1/model_pb";
import { IconAct } from "../../shell/kit";
import { DialogFrame, later } from "../../shell/later";
import { T } from "../texts";

/** Rare : l'accueil ne l'attend pas. */
export const logDialog = later(async () => (await import("./LogDialog")).LogDialog);

/** Ouvre le journal d'un modèle. */
export function LogButton({ model }: { model: Model }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <IconAct
        label={`${T.actions.logs} ${model.displayName || model.key}`}
        icon={mdiTextBoxOutline}
        // Une infobulle de la page resterait par-dessus la boîte de dialogue, et prendrait ses clics.
        title={T.actions.logs}
        size="small"
        testId={`action-logs-${model.key}`}
        onClick={() => setOpen(true)}
        sx={{ color: "text.secondary", m: -0.5 }}
      />
      {open && (
        <DialogFrame onClose={() => setOpen(false)}>
          <logDialog.view model={model} onClose={() => setOpen(false)} />
        </DialogFrame>
      )}
    </>
  );
}
