import { Capability } from "../gen/passerelle/v1/model_pb";
import { useServer } from "../status/StatusProvider";
import { useCapabilities } from "../status/useCapabilities";
import { useLive } from "./session/useLive";

/** Tout ce que la page montre : le flux, le modèle qui servira, et ce que le serveur en dit. */
export function useStudio() {
  const { session, state } = useLive();
  const models = useServer().status?.models;
  const { known, failure } = useCapabilities();
  const able = models?.filter(({ capability }) => capability === Capability.TRANSCRIBE) ?? [];
  const model = able.find(({ key }) => key === state.options.model) ?? able[0];
  const limits = known?.limits?.audio;
  return {
    session,
    state,
    ready: models !== undefined,
    failure,
    models: able,
    model,
    capabilities: known?.models.find(({ key }) => key === model?.key),
    rates: limits && { min: limits.minSampleRateHertz, max: limits.maxSampleRateHertz },
    /** Vrai du premier appui à la dernière phrase. */
    busy: state.phase !== "idle" && state.phase !== "done",
  };
}

export type Studio = ReturnType<typeof useStudio>;
