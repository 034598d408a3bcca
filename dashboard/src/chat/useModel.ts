import { Capability, type Model } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";
import type { Bounds } from "./settings";
import { useCapabilities } from "./useCapabilities";

/** Les modèles de conversation, celui qui est choisi, ce qu'il sait faire et les limites du serveur. */
export function useModel(wanted: string) {
  const { status, link } = useServer();
  const models = (status?.models ?? []).filter((model) => model.capability === Capability.CHAT);
  const model: Model | undefined = models.find(({ key }) => key === wanted) ?? models[0];
  // Un moteur chargé dit lui-même ce qu'il sait faire : l'état d'un modèle change donc ses options.
  const capabilities = useCapabilities(`${link} ${models.map(({ key, state }) => `${key} ${state}`)}`);
  const able = capabilities?.models.find(({ key }) => key === model?.key);
  const limits = capabilities?.limits;
  const bounds: Bounds = {
    maxTokens: limits?.chat?.maxTokens,
    maxStop: limits?.chat?.maxStop,
    contextTokens: able?.contextTokens,
  };
  return { models, model, limits, bounds, seesImages: able?.features.includes("images") ?? false };
}
