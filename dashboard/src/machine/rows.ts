import { memory } from "../format";
import type { ServerProcess } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { sizeOf } from "../models/ModelFacts";
import { T } from "./texts";

/** Ce que le cache contient de chaque modèle. */
export function cacheRows(models: Model[]) {
  return models.map((model) => ({ name: model.key, cells: [presence(model), sizeOf(model)] }));
}

function presence({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  if (artifactsCached) return T.cached;
  if (cachedBytes === 0) return T.missing;
  return totalBytes > 0 ? T.partial(memory(cachedBytes), memory(totalBytes)) : memory(cachedBytes);
}

/** Les processus du produit, tels que leur superviseur les voit. */
export function processRows(processes: ServerProcess[]) {
  return processes.map(({ name, broken, pid, restarts }) => {
    const state = broken ? T.broken : pid ? T.running : T.stopped;
    return { name, cells: [state, pid || "–", restarts], wrong: broken };
  });
}
