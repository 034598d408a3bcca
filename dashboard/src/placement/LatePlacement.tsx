import type { Model } from "../gen/passerelle/v1/model_pb";
import { DialogFrame } from "../shell/DialogFrame";
import { later } from "../shell/later";
import { useServer } from "../status/StatusProvider";

/** Rare et grande : l'accueil ne l'attend pas. */
export const placementDialog = later(async () => (await import("./PlacementDialog")).PlacementDialog);

/** La boîte où se choisissent les GPU, dont le programme est lu à l'ouverture. */
export function LatePlacement({ model, onClose }: { model: Model; onClose: () => void }) {
  const { status } = useServer();
  return (
    <DialogFrame onClose={onClose}>
      <placementDialog.view
        model={model}
        models={status?.models ?? [model]}
        gpus={status?.gpus ?? []}
        onClose={onClose}
      />
    </DialogFrame>
  );
}
