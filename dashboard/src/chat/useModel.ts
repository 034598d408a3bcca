import { Capability, type Model } from "../gen/passerelle/v1/model_pb";
import { useServer } from "../status/StatusProvider";
import { useCapabilities } from "../status/useCapabilities";
import type { Bounds } from "./settings";

/** Les modèles de conversation, celui qui est choisi, ce qu'il sait faire et les limites du serveur. */
export function useModel(wanted: string) {
  const { status } = useServer();
  const models = (status?.models ?? []).filter((model) => model.capability === Capability.CHAT);
  const model: Model | undefined = models.find(({ key }) => key === wanted) ?? models[0];
  // Le serveur revérifie chaque limite : sans elles, la page laisse seulement partir ce qu'il refusera.
  const { known } = useCapabilities();
  const able = known?.models.find(({ key }) => key === model?.key);
  const limits = known?.limits;
  const bounds: Bounds = {
    maxTokens: limits?.chat?.maxTokens,
    maxStop: limits?.chat?.maxStop,
    contextTokens: able?.contextTokens,
  };
  return { models, model, limits, bounds, seesImages: able?.features.includes("images") ?? false };
}
