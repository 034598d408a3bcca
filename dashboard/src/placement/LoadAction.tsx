import { mdiPlayCircleOutline, mdiTune } from "@mdi/js";
import { useState } from "react";
import { admin } from "../api/admin";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { ActionButton, type ActionProps } from "../models/ModelActions";
import { isLoaded } from "../models/model";
import { DialogFrame, later } from "../shell/later";
import { useServer } from "../status/StatusProvider";
import { P } from "./texts";

/** Charge un modèle : d'un geste sur le processeur, par le choix des GPU sinon ; chargé, change ses exemplaires. */
export function LoadAction({ model, idle, call }: ActionProps) {
  const { status } = useServer();
  const [open, setOpen] = useState(false);
  const { key, state } = model;
  const gpus = status?.gpus ?? [];
  const loadable = state === ModelState.CACHED;
  const choosing = model.gpusPerReplica > 0 && gpus.length > 0;
  const loaded = isLoaded(model);
  return (
    <>
      <ActionButton
        model={model}
        name="load"
        label={P.load}
        icon={mdiPlayCircleOutline}
        main={loadable}
        disabled={!idle || !loadable}
        aria-haspopup={choosing ? "dialog" : undefined}
        onClick={() => (choosing ? setOpen(true) : void call(() => admin.loadModel({ model: key })))}
      />
      {(loaded || (loadable && !choosing)) && (
        <ActionButton
          model={model}
          name={loaded ? "resize" : "options"}
          label={loaded ? P.resize : P.options.open}
          icon={mdiTune}
          disabled={!idle}
          aria-haspopup="dialog"
          onClick={() => setOpen(true)}
        />
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

/** La boîte où se choisissent les GPU : rare et grande, l'accueil ne l'attend pas. */
export const placementDialog = later(async () => (await import("./PlacementDialog")).PlacementDialog);
