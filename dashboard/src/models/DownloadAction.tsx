import { mdiTrayArrowDown } from "@mdi/js";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { ActionButton } from "./ActionButton";
import { T } from "./texts";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  /** Vrai si aucune opération ni aucun appel n'est en cours. */
  idle: boolean;
  call: Call;
}

/** Vrai si un téléchargement interrompu a laissé des octets à reprendre. */
export function isPartial({ artifactsCached, cachedBytes, operation }: Model): boolean {
  return !artifactsCached && cachedBytes > 0 && !operation;
}

/** Télécharge les poids, ou reprend où l'on en était. */
export function DownloadAction({ model, idle, call }: Props) {
  const wanted = !model.artifactsCached && model.state === ModelState.UNAVAILABLE;
  return (
    <ActionButton
      model={model}
      name="download"
      label={isPartial(model) ? T.actions.resume : T.actions.download}
      icon={mdiTrayArrowDown}
      main={wanted}
      disabled={!idle || !wanted}
      onClick={() => void call(() => admin.downloadModel({ model: model.key }))}
    />
  );
}
