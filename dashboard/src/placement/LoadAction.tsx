import { mdiPlayCircleOutline } from "@mdi/js";
import { Button } from "@mui/material";
import { useState } from "react";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { useServer } from "../status/StatusProvider";
import { LatePlacement } from "./LatePlacement";
import { P } from "./texts";

interface Props {
  model: Model;
  busy: boolean;
  call: (verb: () => Promise<unknown>) => Promise<void>;
}

/** Charge un modèle : d'un geste sur le processeur, par le choix des GPU sinon. */
export function LoadAction({ model, busy, call }: Props) {
  const { status } = useServer();
  const [open, setOpen] = useState(false);
  const { key, state, operation } = model;
  const gpus = status?.gpus ?? [];
  const idle = operation === undefined && !busy;
  const loadable = state === ModelState.CACHED;
  const choosing = model.gpusPerReplica > 0 && gpus.length > 0;
  const name = model.displayName || key;
  return (
    <>
      <Button
        size="small"
        startIcon={<Icon path={mdiPlayCircleOutline} />}
        variant={loadable ? "contained" : "text"}
        disabled={!idle || !loadable}
        aria-label={`${P.load} ${name}`}
        aria-haspopup={choosing ? "dialog" : undefined}
        data-testid={`action-load-${key}`}
        onClick={() => (choosing ? setOpen(true) : void call(() => admin.loadModel({ model: key })))}
      >
        {P.load}
      </Button>
      {open && <LatePlacement model={model} onClose={() => setOpen(false)} />}
    </>
  );
}
