import { mdiPlayCircleOutline, mdiTune } from "@mdi/js";
import { Button } from "@mui/material";
import { useState } from "react";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";
import { DialogFrame } from "../shell/DialogFrame";
import { Icon } from "../shell/Icon";
import { later } from "../shell/later";
import { useServer } from "../status/StatusProvider";
import { isLoaded } from "./order";
import { P } from "./texts";

/** Rare et grande : l'accueil ne l'attend pas. */
export const placementDialog = later(async () => (await import("./PlacementDialog")).PlacementDialog);

interface Props {
  model: Model;
  busy: boolean;
  call: (verb: () => Promise<unknown>) => Promise<void>;
}

/** Charge un modèle : d'un geste sur le processeur, par le choix des GPU sinon ; chargé, change ses exemplaires. */
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
      {loadable && !choosing && (
        <Button
          size="small"
          startIcon={<Icon path={mdiTune} />}
          disabled={!idle}
          aria-label={`${P.options.of} ${name}`}
          aria-haspopup="dialog"
          data-testid={`action-options-${key}`}
          onClick={() => setOpen(true)}
        >
          {P.options.open}
        </Button>
      )}
      {isLoaded(model) && (
        <Button
          size="small"
          startIcon={<Icon path={mdiTune} />}
          disabled={!idle}
          aria-label={`${P.resize} ${name}`}
          aria-haspopup="dialog"
          data-testid={`action-resize-${key}`}
          onClick={() => setOpen(true)}
        >
          {P.resize}
        </Button>
      )}
      {open && (
        <DialogFrame onClose={() => setOpen(false)}>
          <placementDialog.view
            model={model}
            models={status?.models ?? [model]}
            gpus={gpus}
            onClose={() => setOpen(false)}
          />
        </DialogFrame>
      )}
    </>
  );
}
