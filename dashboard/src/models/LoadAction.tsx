import { mdiPlayCircleOutline } from "@mdi/js";
import { admin } from "../api/client";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";
import { ActionButton } from "./ActionButton";
import { T } from "./texts";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  busy: boolean;
  call: Call;
}

/** Charge le modèle, avec les choix que le serveur a retenus. */
export function LoadAction({ model, busy, call }: Props) {
  const loadable = model.state === ModelState.CACHED;
  return (
    <ActionButton
      model={model}
      name="load"
      label={T.actions.load}
      icon={mdiPlayCircleOutline}
      main={loadable}
      disabled={busy || model.operation !== undefined || !loadable}
      onClick={() => void call(() => admin.loadModel({ model: model.key }))}
    />
  );
}
