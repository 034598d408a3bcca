import { mdiTextBoxOutline } from "@mdi/js";
import { IconButton, Tooltip } from "@mui/material";
import { useState } from "react";
import type { Model } from "../../gen/passerelle/v1/admin_pb";
import { Icon } from "../../shell/Icon";
import { T } from "../texts";
import { LogDialog } from "./LogDialog";

/** Ouvre le journal d'un modèle. */
export function LogButton({ model }: { model: Model }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Tooltip title={T.actions.logs}>
        <IconButton
          size="small"
          color="primary"
          aria-label={`${T.actions.logs} ${model.displayName || model.key}`}
          data-testid={`action-logs-${model.key}`}
          onClick={() => setOpen(true)}
          sx={{ ml: "auto" }}
        >
          <Icon path={mdiTextBoxOutline} fontSize="small" />
        </IconButton>
      </Tooltip>
      {open && <LogDialog model={model} onClose={() => setOpen(false)} />}
    </>
  );
}
