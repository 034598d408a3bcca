import { mdiTune } from "@mdi/js";
import { Button } from "@mui/material";
import { useState } from "react";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { useServer } from "../status/StatusProvider";
import { LatePlacement } from "./LatePlacement";
import { isLoaded } from "./order";
import { P } from "./texts";

/** Règle un chargement avant de le lancer, là où « Charger » part d'un geste ; chargé, change ses exemplaires. */
export function TuneAction({ model, idle }: { model: Model; idle: boolean }) {
  const { status } = useServer();
  const [open, setOpen] = useState(false);
  const { key } = model;
  const gpus = status?.gpus ?? [];
  const loaded = isLoaded(model);
  const offered = loaded || (model.state === ModelState.CACHED && !(model.gpusPerReplica > 0 && gpus.length > 0));
  return (
    <>
      {offered && (
        <Button
          size="small"
          startIcon={<Icon path={mdiTune} />}
          disabled={!idle}
          aria-label={`${loaded ? P.resize : P.options.of} ${model.displayName || key}`}
          aria-haspopup="dialog"
          data-testid={`action-${loaded ? "resize" : "options"}-${key}`}
          onClick={() => setOpen(true)}
        >
          {loaded ? P.resize : P.options.open}
        </Button>
      )}
      {open && <LatePlacement model={model} onClose={() => setOpen(false)} />}
    </>
  );
}
