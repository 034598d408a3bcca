import { Alert, Button } from "@mui/material";
import { useState } from "react";
import { T as SHELL } from "../shell/texts";
import { useServer } from "./StatusProvider";
import { T } from "./texts";
import { type Update, useUpdate } from "./useUpdate";

/** Dit que le serveur est revenu autre, et propose de recharger une page dont les fichiers ne sont plus les siens. */
export function UpdateAlert() {
  const { status } = useServer();
  const update = useUpdate(status);
  const [closed, setClosed] = useState<Update>();
  if (!update || update === closed) return null;
  return (
    <Alert
      severity={update.stale ? "warning" : "info"}
      data-testid="page-update"
      sx={{ mx: { xs: 1, md: 3 }, mt: 0.75, py: 0, boxShadow: 6, pointerEvents: "auto", alignItems: "center" }}
      onClose={() => setClosed(update)}
      closeText={T.close}
      action={
        // Recharger de soi-même perdrait une conversation en cours.
        update.stale ? (
          <>
            <Button color="inherit" size="small" onClick={() => location.reload()} data-testid="page-update-reload">
              {SHELL.crash.reload}
            </Button>
            <Button color="inherit" size="small" onClick={() => setClosed(update)} data-testid="page-update-later">
              {T.later}
            </Button>
          </>
        ) : undefined
      }
    >
      {update.version ? T.updated(update.version) : T.replaced}
      {update.stale && ` ${T.stale}`}
    </Alert>
  );
}
