import { mdiArrowRight } from "@mdi/js";
import { Capability, type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { useHashPath } from "../shell/hashLocation";
import { ActionButton } from "./ActionButton";
import { T } from "./texts";

/** Où s'essaie ce que fait un modèle. */
const PLACES: Partial<Record<Capability, string>> = {
  [Capability.CHAT]: "/essayer/conversation",
  [Capability.TRANSCRIBE]: "/essayer/audio",
  [Capability.DIARIZE]: "/essayer/audio",
};

/** Mène d'un modèle prêt à la page qui l'emploie, et qui le choisit (`modele`) ; rien s'il n'est pas prêt. */
export function TryAction({ model }: { model: Model }) {
  const place = PLACES[model.capability];
  if (model.state !== ModelState.READY || !place) return null;
  const href = useHashPath.hrefs(`${place}?modele=${encodeURIComponent(model.key)}`);
  return <ActionButton model={model} name="try" label={T.actions.try} icon={mdiArrowRight} main href={href} />;
}
