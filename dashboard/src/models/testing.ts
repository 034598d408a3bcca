// De quoi fabriquer un modèle dans un essai.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Model, ModelSchema, ModelState } from "../gen/passerelle/v1/model_pb";

/** Instant du serveur des essais, en secondes depuis 1970. */
export const NOW = 1_000_000;

/** Un modèle prêt, sauf ce que dit `init`. */
export function modelOf(init: Exclude<MessageInitShape<typeof ModelSchema>, Model> = {}): Model {
  return create(ModelSchema, {
    key: "qwen",
    displayName: "Qwen",
    state: ModelState.READY,
    artifactsCached: true,
    cachedBytes: 98_000_000,
    totalBytes: 98_000_000,
    source: { kind: "hub", repository: "essai/qwen", revision: "main", commit: "0123456789ab", license: "Apache-2.0" },
    ...init,
  });
}

/** Un exemplaire chargé, avec des requêtes. */
export function replicaOf(
  runningRequests: number,
  waitingRequests: number,
  more: { gpus?: number[]; gpuBytes?: number } = {},
) {
  return {
    id: "qwen-0",
    runningRequests,
    waitingRequests,
    maxRunning: 4,
    maxWaiting: 16,
    residentBytes: 2 ** 30,
    ...more,
  };
}
