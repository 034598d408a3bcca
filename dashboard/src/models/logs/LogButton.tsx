import { mdiTextBoxOutline } from "@mdi/js";
import { useState } from "react";
import type { Model } from "../../gen/passerelle/v1/admin_pb";
import { ActionButton } from "../ActionButton";
import { T } from "../texts";
import { LogDialog } from "./LogDialog";

/** Ouvre le journal d'un modèle. */
export function LogButton({ model }: { model: Model }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <ActionButton
        model={model}
        name="logs"
        label={T.actions.logs}
        icon={mdiTextBoxOutline}
        onClick={() => setOpen(true)}
      />
      {open && <LogDialog model={model} onClose={() => setOpen(false)} />}
    </>
  );
}
